"""Dynamical stability: where in the zone the lowest eigenvalue of D(q) is lowest.

A mesh finds the valleys, descent by exact derivatives with respect to q their bottoms,
commensurate or not. The smallest eigenvalue is concave in D: its kinks in q, where two
branches cross, are ridges. At a minimum every branch of a degenerate set is flat, and
the slope of any of its eigenvectors (Hellmann, Feynman) may be followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Complex, Float
from matjax.crystals import reciprocal
from matjax.force_constants import (
    ForceConstants,
    Response,
    band_path,
    force_constant_columns,
    regular_mesh,
)
from matjax.force_constants.qpoints import SYMPREC, _point_operations, require_q
from matjax.lattice_dynamics.harmonic import Phonons
from matjax.units import THZ

THRESHOLD = 0.1
"""THz; softer imaginary modes are taken for the error of force constants."""

SOUND = 0.1
"""1/Å; wave number at which long waves are judged: 0.16 THz for 1 km/s."""

DENOMINATORS = (1, 2, 3, 4, 6, 8)
"""Denominators of components of q to which a minimum near them is moved, if the mode is
no higher there."""

NEAR = 0.02
"""Reciprocal lattice units; how far a minimum is moved at most."""


class SoftMode(NamedTuple):
    """The lowest modes at one q."""

    q: Float[Array, "3"]
    """Reciprocal lattice units, components in (−1/2, 1/2]."""
    label: str
    """Name of the point on the standard path, such as R; empty if it has none."""
    frequency: float
    """THz; negative if imaginary."""
    eigenvectors: Complex[Array, "modes degeneracy"]
    """Orthonormal columns e of equal frequency; u_jR = e_j exp(2πi q·R) / √m_j."""
    star: Float[Array, "arms 3"]
    """All q that rotations and time reversal make of this one, this one first."""
    is_translation: bool
    """Whether these are the translations of the whole crystal, which cost nothing."""

    @property
    def degeneracy(self) -> int:
        """Number of modes of this frequency at q."""
        return self.eigenvectors.shape[1]

    @property
    def irrep_dimension(self) -> int:
        """Components of the order parameter, those of all arms of the star."""
        return self.degeneracy * len(self.star)


class Stability(NamedTuple):
    """What the lowest eigenvalue of the dynamical matrix does over the zone."""

    minima: tuple[SoftMode, ...]
    """Its local minima as far as they were followed, the lowest first, each star once;
    for a stable crystal the first are the translations at Γ."""
    sound: float
    """Slowest velocity of long acoustic waves over 13 directions, km/s; negative where
    they are imaginary: the crystal yields to a homogeneous strain."""
    sound_error: float
    """km/s; round-off, and what the frequencies of translations, which ought to be
    zero, amount to."""
    threshold: float
    """THz; imaginary frequencies below it count as zero."""
    n_matrices: int
    """Dynamical matrices computed."""
    n_gradients: int
    """Gradients with respect to q computed."""

    @property
    def lowest(self) -> SoftMode:
        """The lowest minimum."""
        return self.minima[0]

    @property
    def unstable(self) -> tuple[SoftMode, ...]:
        """Minima that are imaginary beyond the threshold; translations are not."""
        return tuple(
            mode
            for mode in self.minima
            if mode.frequency < -self.threshold and not mode.is_translation
        )

    @property
    def elastically_stable(self) -> bool:
        """Whether no long wave is imaginary beyond the error."""
        return self.sound >= -self.sound_error

    @property
    def stable(self) -> bool:
        """Whether no mode is imaginary, long waves included."""
        return not self.unstable and self.elastically_stable


def examine_stability(
    phonons: Phonons,
    *,
    mesh: Sequence[int] = (4, 4, 4),
    n_starts: int = 4,
    threshold: float = THRESHOLD,
    degenerate: float = 0.01,
    seed: int = 0,
    symprec: float = SYMPREC,
) -> Stability:
    """Minima over q of the lowest eigenvalue of D(q), found by descent.

    Starts are the lowest valleys of a symmetry-reduced mesh, moved off it a little so
    that none rests on a saddle. A minimum that lies within 0.02 of a q of small
    denominators is moved there unless that is higher.

    Args:
        phonons: from any source, of a crystal at rest.
        mesh: divisions of the reciprocal vectors; even ones hold the zone's corners.
        n_starts: descents, from the lowest valley upward.
        threshold: THz; softer imaginary frequencies do not make a crystal unstable.
        degenerate: THz; frequencies this close at one q are counted as equal.
        seed: of the small moves.
        symprec: Å, tolerance of the symmetry that relates wave vectors.

    Raises:
        ValueError: if a division, the number of starts or a tolerance is not positive.
    """
    if n_starts < 1 or not (threshold > 0 and degenerate > 0):
        raise ValueError(
            "n_starts, threshold and degenerate must be positive; received "
            f"{n_starts}, {threshold} and {degenerate}"
        )
    landscape = _Landscape(phonons, symprec)
    periodic = np.array(phonons.crystal.pbc)
    shape = tuple(np.where(periodic, np.asarray(mesh), 1).tolist())
    points = regular_mesh(
        phonons.crystal, shape, masses=phonons.masses, symprec=symprec
    )
    grid = np.asarray(points.q)
    values, _ = landscape.lowest(grid)
    landscape.scale = float(abs(values).max())
    rng = np.random.default_rng(seed)
    minima: list[tuple[float, np.ndarray]] = []
    for row in _valleys(values, np.asarray(points.index))[:n_starts]:
        step = 0.1 * periodic * rng.uniform(0.5, 1, 3) * rng.choice([-1, 1], 3) / shape
        q = landscape.descend(grid[row] + step)
        q, value = landscape.snap(q, grid[row])
        if not any(_same(image, q) for _, p in minima for image in landscape.star(p)):
            minima.append((value, q))
    minima.sort(key=lambda pair: pair[0])
    sound, sound_error = landscape.slowest_sound()
    return Stability(
        minima=tuple(
            mode_at(phonons, q, degenerate=degenerate, star=landscape.star(q))
            for _, q in minima
        ),
        sound=sound,
        sound_error=sound_error,
        threshold=threshold,
        n_matrices=landscape.n_matrices,
        n_gradients=landscape.n_gradients,
    )


def lowest_mode(phonons: Phonons, *, mesh: Sequence[int] = (4, 4, 4)) -> SoftMode:
    """The lowest mode of the whole zone; see :func:`examine_stability`."""
    return examine_stability(phonons, mesh=mesh).lowest


def mode_at(
    phonons: Phonons,
    q: Float[Array, "3"] | Sequence[float | int],
    *,
    band: int = 0,
    degenerate: float = 0.01,
    star: Float[Array, "arms 3"] | None = None,
) -> SoftMode:
    """A set of modes of equal frequency at one q.

    Args:
        phonons: from any source.
        q: reciprocal lattice units.
        band: one of the set, counted from the lowest frequency.
        degenerate: THz; frequencies this close are counted as equal.
        star: of q, if it is known.

    Raises:
        ValueError: if q has not three components, or there is no such band.
    """
    q = np.asarray(q, dtype=float)
    require_q(q)
    frequencies, eigenvectors = phonons.modes(q)
    if q.shape != (3,) or not 0 <= band < len(frequencies):
        raise ValueError(
            f"one q and a band from 0 to {len(frequencies) - 1} are needed; received "
            f"q of shape {q.shape} and band {band}"
        )
    equal = abs(frequencies - frequencies[band]) < degenerate
    vectors = np.asarray(eigenvectors)[:, equal]
    at_gamma = bool((abs(q - np.round(q)) < 1e-9).all())
    overlap = np.linalg.norm(_translations(phonons, q).conj().T @ vectors, axis=0)
    star = _Landscape(phonons, SYMPREC).star(q) if star is None else np.asarray(star)
    return SoftMode(
        q=star[0],
        label=_label(phonons, star),
        frequency=float(frequencies[equal].mean()),
        eigenvectors=vectors,
        star=star,
        is_translation=at_gamma and bool((overlap > 0.9).all()),
    )


class _Landscape:
    """The lowest eigenvalue as a function of q, its slope, and what was spent on it."""

    def __init__(self, phonons: Phonons, symprec: float) -> None:
        self.phonons = phonons
        self.symprec = symprec
        self.roots = np.sqrt(np.repeat(np.asarray(phonons.masses), 3))
        self.lengths = np.linalg.norm(_reciprocal(phonons), axis=1)
        self.periodic = np.array(phonons.crystal.pbc)
        self.scale = 1.0
        self.noise = float(np.finfo(np.float64).eps)
        self.n_matrices = self.n_gradients = 0

    def lowest(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lowest eigenvalue, eV/(Å² amu), and its eigenvector, at each q."""
        matrix = self.phonons.force_constants(q)
        self.noise = float(np.finfo(matrix.dtype).eps)
        self.n_matrices += len(q)
        matrix = matrix / np.outer(self.roots, self.roots)
        values, vectors = np.linalg.eigh((matrix + matrix.conj().swapaxes(-1, -2)) / 2)
        return values[..., 0], vectors[..., 0]

    def descend(self, start: np.ndarray) -> np.ndarray:
        """The bottom of the valley of a starting point."""
        from scipy.optimize import minimize

        def function(x: np.ndarray) -> tuple[float, np.ndarray]:
            q = x / self.lengths
            (value,), (vector,) = self.lowest(q[None])
            slope = _slope(self.phonons.source, q, vector / self.roots)
            self.n_gradients += 1
            slope = np.where(self.periodic, slope, 0) / self.lengths
            return value / self.scale, np.asarray(slope, float) / self.scale

        options = {"maxiter": 50, "ftol": self.noise, "gtol": 16 * self.noise}
        result = minimize(
            function, start * self.lengths, jac=True, method="L-BFGS-B", options=options
        )
        return np.asarray(result.x) / self.lengths

    def snap(self, q: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, float]:
        """The simplest point near q that is no higher than it, and its eigenvalue."""
        simple = [np.round(q * d) / d for d in DENOMINATORS]
        simple += [np.where(abs(q - x) < NEAR, x, q) for x in simple]
        # The start counts at any distance: where λ is flat, descent rests anywhere.
        near = [start, *(x for x in simple if (abs(x - q) < NEAR).all())]
        near = [*{tuple(np.round(x, 12)): x for x in near}.values(), q]
        values, _ = self.lowest(np.array(near))
        limit = values[-1] + 32 * self.noise * self.scale
        first = int(np.argmax(values <= limit))
        return _home(near[first]), float(values[first])

    def star(self, q: np.ndarray) -> np.ndarray:
        """Images of q under rotations and time reversal, q first."""
        arms: list[np.ndarray] = []
        crystal, masses = self.phonons.crystal, self.phonons.masses
        for rotation in _point_operations(crystal, masses, self.symprec):
            if not any(_same(q @ rotation, arm) for arm in arms):
                arms.append(_home(q @ rotation))
        arms.sort(key=lambda arm: not _same(arm, q))  # q itself first
        return np.array(arms)

    def slowest_sound(self) -> tuple[float, float]:
        """Velocity of the softest long wave, negative if imaginary; its error; km/s."""
        directions = np.array(list(np.ndindex(3, 3, 3)))[14:] - 1  # one of each ±
        directions = directions[~(directions[:, ~self.periodic] != 0).any(axis=1)]
        k = np.linalg.norm(directions @ _reciprocal(self.phonons), axis=1)
        waves = directions * (SOUND / k)[:, None]
        softest = min(self.acoustic(q).min() for q in waves)
        round_off = THZ * np.sqrt(32 * self.noise * self.scale)
        error = max(float(abs(self.acoustic(np.zeros(3))).max()), round_off)
        return float(_velocity(softest)), float(_velocity(error))

    def acoustic(self, q: np.ndarray) -> np.ndarray:
        """Frequencies of the three modes most like translations at a small q, THz."""
        self.n_matrices += 1
        frequencies, vectors = self.phonons.modes(q)
        shares = np.linalg.norm(
            _translations(self.phonons, q).conj().T @ vectors, axis=0
        )
        return np.asarray(frequencies)[np.argsort(shares)[-3:]]


@jax.jit
def _slope(source: ForceConstants, q: Array, displacements: Array) -> Array:
    """Derivative by q of u* Φ(q) u for a fixed displacement pattern u, (3,)."""

    def stiffness(q: Array) -> Array:
        return jnp.vdot(displacements, _product(source, q, displacements)).real

    def along(direction: Array) -> Array:
        return jax.jvp(stiffness, (q,), (direction,))[1]

    return jax.vmap(along)(jnp.eye(3, dtype=q.dtype))


def _product(source: ForceConstants, q: Array, displacements: Array) -> Array:
    """Φ(q) u; of an exact response one column, and no more, is computed."""
    if not isinstance(source, Response):
        return source(q) @ displacements
    dtype = source.graph.positions.dtype
    columns = displacements.reshape(-1, 3).astype(jnp.result_type(dtype, jnp.complex64))
    padding = source.graph.n_nodes - source.n_atoms
    columns = jnp.pad(columns, ((0, padding), (0, 0)))
    product = force_constant_columns(
        source.potential, source.graph, q.astype(dtype), columns
    )
    return product[: source.n_atoms].reshape(-1)


def _valleys(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Rows of the mesh points that are no higher than their 26 neighbors, ascending."""
    field = values[index]
    lowest = np.ones(field.shape, dtype=bool)
    for shift in np.ndindex(3, 3, 3):
        lowest &= field <= np.roll(field, np.array(shift) - 1, axis=(0, 1, 2))
    rows = np.unique(index[lowest])
    return rows[np.argsort(values[rows], kind="stable")]


def _translations(phonons: Phonons, q: np.ndarray) -> np.ndarray:
    """Orthonormal waves of wave vector q that move all atoms alike, (modes, 3)."""
    phases = np.exp(2j * np.pi * np.asarray(phonons.crystal.fractional) @ q)
    amplitudes = np.sqrt(np.asarray(phonons.masses)) * phases
    return np.kron((amplitudes / np.linalg.norm(amplitudes))[:, None], np.eye(3))


def _velocity(frequency: float) -> float:
    """Velocity in km/s of a wave of this frequency (THz) and the wave number SOUND."""
    return 2 * np.pi * frequency / SOUND * 0.1  # 1 Å THz = 0.1 km/s


def _label(phonons: Phonons, star: np.ndarray) -> str:
    if not any(phonons.crystal.pbc):
        return ""
    path = band_path(phonons.crystal, spacing=np.inf)
    places = np.asarray(path.q)
    names = (
        name for row, name in path.ticks if any(_same(places[row], a) for a in star)
    )
    return next(names, "")


def _same(p: np.ndarray, q: np.ndarray) -> bool:
    """Whether two wave vectors differ by a reciprocal lattice vector."""
    apart = p - q
    return bool((abs(apart - np.round(apart)) < 1e-4).all())


def _home(q: np.ndarray) -> np.ndarray:
    """The same wave vector with components in (−1/2, 1/2], up to round-off."""
    return q - np.ceil(q - 0.5 - 1e-9)


def _reciprocal(phonons: Phonons) -> np.ndarray:
    return np.asarray(reciprocal(np.asarray(phonons.crystal.cell)))
