"""Polar crystals: the macroscopic field of their dipoles, and LO-TO splitting.

Atoms displaced by u carry dipoles Z u (Z: Born charges) in a medium of dielectric
tensor ε. Their interaction reaches over all cells: Φ(q) depends on the direction from
which q comes to Γ, through the term of Cochran and Cowley, J. Phys. Chem. Solids 23,
447 (1962),

    Φᴺᴬ(q)_ij = (e²/4πε₀) (4π/V) (q·Z_i)ᵀ (q·Z_j) / (q·ε·q),

which neither a supercell nor a potential of finite range contains. Both know the
interaction up to some distance, as does a supercell of that size: a *grid* of wave
vectors, those commensurate with it, at which Φ is right. A polar source adds a
correction that vanishes on the grid, Γ itself included, and has the limit Φᴺᴬ at Γ:

* Gonze and Lee, Phys. Rev. B 55, 10355 (1997): Φᵈᵈ(q) − I[Φᵈᵈ](q), where Φᵈᵈ is the
  interaction of point dipoles as an Ewald sum and I its interpolation from the grid.
  As interpolation is linear, force constants of a supercell plus this correction are
  those of the paper: short-range ones interpolated, dipoles exact.
* Wang et al., J. Phys.: Condens. Matter 22, 202201 (2010): Φᴺᴬ(q) times a weight that
  is 1 at Γ and 0 at the other points of the grid.

On top of a potential's exact phonons either adds what its range leaves out, if it has
learned the interaction within the supercell of the grid: choose one about as wide as
the distance to which its forces reach, such as 24 Å for four layers of 6 Å. Where the
grid is smaller part of the field is counted twice, where it is larger a part is missing
and LO branches dip near Γ. The sum rule at Γ stays as it was, because the correction
vanishes there unless a direction is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from flax import struct

from matjax.arrays import Array, Complex, Float, Int, Leaf
from matjax.crystals import make_supercell, reciprocal
from matjax.force_constants import (
    BandPath,
    ForceConstants,
    RealSpaceForceConstants,
    band_path,
)
from matjax.force_constants.ewald import (
    COULOMB,
    Dipoles,
    Ewald,
    ewald,
    limit_at_gamma,
    namespace,
    non_analytical,
    of_supercell,
    points_within,
)
from matjax.lattice_dynamics.bands import Bands
from matjax.lattice_dynamics.harmonic import Phonons
from matjax.progress import Progress

STEP = 1e-5
"""How far, as a share of the next step of a path, its ends at Γ are from Γ."""

TIE = 1e-8
"""1/Å²; by less than this in their squares, wave vectors are equally long."""


class Wang(struct.PyTreeNode):
    """Correction of Wang et al.: Φᴺᴬ(q) (1/N) Σ_R exp(iq·R), eq. (4) there.

    R runs over the N cells of the supercell, for each pair of atoms over the nearest
    images, in equal parts where several are equally near. Φᴺᴬ refers to the nearest
    reciprocal lattice point.
    """

    weight: RealSpaceForceConstants
    """(1/N) Σ_R exp(iq·R), in all nine elements of each pair."""
    vectors: Leaf
    """Reciprocal lattice points that may be the nearest, (_, 3)."""

    def __call__(
        self, dipoles: Dipoles, q: Float[Array, "q 3"], direction: Float[Array, "3"]
    ) -> Complex[Array, "q modes modes"]:
        """What is added to the force constants, eV/Å²."""
        xp = namespace(self, dipoles, q)
        basis = reciprocal(dipoles.crystal.cell)
        images = (q - xp.round(q))[:, None] - self.vectors
        # On the faces of the zone several are equally near: then q stays as it was.
        images = xp.concatenate([q[:, None], images], axis=1)
        lengths = xp.sum((images @ basis) ** 2, axis=-1)
        lengths = lengths - TIE * (xp.arange(images.shape[1]) == 0)
        nearest = xp.argmin(lengths, axis=1)
        k = xp.take_along_axis(images, nearest[:, None, None], axis=1)[:, 0] @ basis
        term = non_analytical(dipoles, k) + limit_at_gamma(dipoles, q, direction)
        return self.weight(q) * term


class Polar(struct.PyTreeNode):
    """Force constants with a macroscopic field; a pytree that is a function of q.

    Derivatives with respect to q are exact; so are those of :func:`with_polar` and its
    result with respect to the charges.
    """

    analytic: ForceConstants
    """Force constants without the field."""
    dipoles: Dipoles
    correction: Ewald | Wang
    direction: Leaf
    """At Γ the value is the limit along this direction, in reciprocal lattice units, of
    any length; zero for none, and no correction there."""

    def __call__(
        self, q: Float[Array, "*q 3"], *, progress: Progress | None = None
    ) -> Complex[Array, "*q modes modes"]:
        """Force constants Φ(q), eV/Å²."""
        points = namespace(self, q).reshape(q, (-1, 3))
        added = self.correction(self.dipoles, points, self.direction)
        matrices = self.analytic(q, progress=progress)
        return matrices + added.reshape(matrices.shape)


class PolarPhonons(Phonons):
    """Phonons with a macroscopic field, whose bands split at Γ by direction."""

    source: Polar

    def towards(self, direction: Float[Array, "3"] | Sequence) -> PolarPhonons:
        """The same phonons, at Γ in the limit along a direction.

        Args:
            direction: in reciprocal lattice units, of any length; zero for none.

        Raises:
            ValueError: if it has not three components.
        """
        direction = _direction(direction)
        return self.replace(source=self.source.replace(direction=direction))

    def bands(
        self,
        path: BandPath | None = None,
        *,
        spacing: float = 0.05,
        connected: bool = True,
    ) -> Bands:
        """Frequencies along a path, at Γ in the limit along each line that ends there.

        The path of the result is that of :func:`path_with_limits`.

        Args:
            path: by default the standard one, :func:`band_path`.
            spacing: largest distance between neighboring points, 1/Å.
            connected: as for other phonons.
        """
        path = band_path(self.crystal, spacing=spacing) if path is None else path
        return super().bands(path_with_limits(path), connected=connected)


def with_polar(
    phonons: Phonons,
    charges: Float[Array, "atoms 3 3"],
    dielectric: Float[Array, "3 3"],
    grid: Sequence[int] | Int[Array, "3 3"],
    *,
    method: str = "gonze",
    direction: Float[Array, "3"] | Sequence = (0, 0, 0),
    coulomb: float = COULOMB,
) -> PolarPhonons:
    """Phonons with the macroscopic field of the dipoles of a polar crystal.

    See the module for what this means on top of force constants of a supercell and on
    top of a potential.

    Args:
        phonons: without it, from any source.
        charges: Born charges, e, first the field, then the displacement; their mean is
            subtracted, and their sum kept as ``source.dipoles.residual``.
        dielectric: high-frequency dielectric tensor, with concrete numbers.
        grid: where the force constants are right as they are: those commensurate with
            a supercell, three integers or a matrix in units of the crystal's cell.
        method: ``gonze`` or ``wang``.
        direction: see :meth:`PolarPhonons.towards`.
        coulomb: e²/4πε₀, eV Å; other codes have a few digits of it only.

    Raises:
        ValueError: if charges, dielectric tensor or grid are not those of a crystal,
            or a direction is not periodic.
    """
    crystal = phonons.crystal
    dipoles = Dipoles.create(crystal, charges, dielectric, coulomb=coulomb)
    if not all(crystal.pbc):
        raise ValueError(
            f"a macroscopic field needs three periodic directions; received "
            f"pbc={crystal.pbc}"
        )
    if method not in ("gonze", "wang"):
        raise ValueError(f"method must be 'gonze' or 'wang'; received {method!r}")
    make = ewald if method == "gonze" else _wang
    source = Polar(
        analytic=phonons.source,
        dipoles=dipoles,
        correction=make(dipoles, grid),
        direction=_direction(direction),
    )
    others = {field.name: getattr(phonons, field.name) for field in fields(phonons)}
    return PolarPhonons(**{**others, "source": source})


def path_with_limits(path: BandPath) -> BandPath:
    """The path cut at Γ, its ends there moved by a hair along their lines.

    Γ inside a line becomes two points, one for each side; places and labels stay.
    """
    q, distance, ticks, lines = [], [], [], []
    labels = dict(path.ticks)
    at_gamma = (path.q == np.round(path.q)).all(axis=1)
    for start, end in path.lines:
        cuts = [i for i in range(start + 1, end - 1) if at_gamma[i]]
        for first, last in zip([start, *cuts], [*cuts, end - 1], strict=True):
            rows = np.arange(first, last + 1)
            points = path.q[rows].copy()
            for place, neighbor in ((0, 1), (-1, -2)):
                if at_gamma[rows[place]]:
                    points[place] += STEP * (points[neighbor] - points[place])
            ticks += [
                (len(q) + int(row - first), labels[int(row)])
                for row in rows
                if int(row) in labels
            ]
            lines.append((len(q), len(q) + len(rows)))
            q.extend(points)
            distance.extend(path.distance[rows])
    return BandPath(np.array(q), np.array(distance), tuple(ticks), tuple(lines))


def _wang(dipoles: Dipoles, grid: Sequence[int] | Int[Array, "3 3"]) -> Wang:
    crystal = dipoles.crystal
    supercell = make_supercell(crystal, grid)
    n_sites = len(supercell.atom)
    ones = np.full((crystal.n_atoms, n_sites, 3, 3), crystal.n_atoms / n_sites)
    basis = np.asarray(reciprocal(np.asarray(crystal.cell)))
    # A point of the cell around Γ is no nearer to G than to Γ if G is twice as far.
    corners = np.array(list(np.ndindex(2, 2, 2))) - 0.5
    reach = 2 * np.linalg.norm(corners @ basis, axis=1).max()
    _, vectors = points_within(basis, np.zeros((1, 3)), reach)
    return Wang(weight=of_supercell(supercell, crystal, ones), vectors=vectors)


def _direction(direction: Array | Sequence) -> np.ndarray:
    direction = np.asarray(direction, dtype=float)
    if direction.shape != (3,) or not np.isfinite(direction).all():
        raise ValueError(
            "a direction has three finite components, in reciprocal lattice units; "
            f"received {direction}"
        )
    return direction
