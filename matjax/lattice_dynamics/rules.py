"""Sum rules and symmetries that force constants obey, how well, and their enforcement.

Nothing in matjax enforces them unasked: force constants of a smooth potential obey them
to round-off; those of finite displacements, of float32 and of interpolation do not.
Source: Born and Huang, Dynamical Theory of Crystal Lattices (1954).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from flax import struct
from jax.core import Tracer

from matjax.arrays import Array, Complex, Float, Leaf
from matjax.force_constants import ForceConstants, RealSpaceForceConstants, regular_mesh
from matjax.force_constants.pair_rules import (
    Rule,
    averaged,
    merged,
    nearest_that_obeys,
    residuals,
)
from matjax.force_constants.symmetry import (
    Elements,
    Operations,
    images_of,
    operations_of,
    rotate,
)
from matjax.lattice_dynamics.derivatives import hermitian
from matjax.lattice_dynamics.dynamical_matrix import frequencies_of
from matjax.lattice_dynamics.harmonic import Phonons
from matjax.lattice_dynamics.polar import Polar
from matjax.progress import Progress


class Violation(NamedTuple):
    """How far force constants are from obeying a rule."""

    residual: float
    """Largest amount by which it fails, eV/Å²; eV/Å for rotations, eV for Huang's."""
    change: float
    """Largest change of an element of Φ(q) that restores it, eV/Å²."""
    shift: float
    """Largest change of a frequency by that, THz."""


class SumRules(NamedTuple):
    """How well force constants obey each rule by itself."""

    hermiticity: Violation
    """Φ(q) = Φ(q)†. Frequencies are always those of the Hermitian part: no shift."""
    space_group: Violation
    """Φ(q') = Γ Φ(q) Γ† for operations and time reversal that carry q to q'."""
    translation: Violation
    """Σ_jR H[i0, jR] = 0: no force when all atoms move together."""
    rotation: Violation | None
    """Σ_jR (H_αβ r_γ − H_αγ r_β) = 0: none when all turn, for atoms at rest; known of
    force constants between atoms only."""
    huang: Violation | None
    """Σ H_αβ r_γ r_δ = Σ H_γδ r_α r_β: no stress when all turn, for a cell at rest;
    known of force constants between atoms only."""


class WithSelfTerms(struct.PyTreeNode):
    """Force constants of another source, with terms added on their diagonal."""

    source: ForceConstants
    blocks: Leaf
    """(atoms, 3, 3), eV/Å², added to H[i0, i0]."""

    def __call__(
        self, q: Float[Array, "*q 3"], *, progress: Progress | None = None
    ) -> Complex[Array, "*q modes modes"]:
        """Force constants Φ(q), eV/Å²."""
        matrices = self.source(q, progress=progress)
        return matrices + _on_diagonal(self.blocks)


def sum_rules(phonons: Phonons, *, mesh: tuple[int, int, int] = (2, 2, 2)) -> SumRules:
    """How well force constants obey what they must, each rule by itself.

    Args:
        phonons: with concrete arrays.
        mesh: divisions of the reciprocal vectors; changes of Φ(q) and of frequencies
            are the largest at these points.

    Raises:
        ValueError: if a division is not a positive integer.
    """
    q = np.asarray(regular_mesh(phonons.crystal, mesh, symmetry=False).q)
    matrices = np.asarray(phonons.force_constants(q))
    adjoint = matrices.conj().swapaxes(1, 2)
    symmetric = _average(operations_of(phonons.crystal), q, mesh, matrices)
    at_gamma = matrices[np.flatnonzero(~q.any(axis=1))[0]]
    drift = _drift(at_gamma)

    def violation(residual: Any, restored: Any) -> Violation:
        shift = _frequencies(restored, phonons) - _frequencies(matrices, phonons)
        numbers = (residual, restored - matrices, shift)
        return Violation(*(float(np.max(np.abs(x))) for x in numbers))

    def of_pairs(rule: Rule) -> Violation | None:
        source = _analytic(phonons)
        if not isinstance(source, RealSpaceForceConstants):
            return None
        pairs = merged(source)
        restored = nearest_that_obeys(pairs, phonons.crystal, [rule])(q)
        # What making the pairs Hermitian changes is not this rule's.
        restored = restored - merged(source)(q) + matrices
        return violation(residuals(pairs, phonons.crystal, [rule]), restored)

    self_terms = _on_diagonal(_self_terms(at_gamma))
    return SumRules(
        hermiticity=violation(matrices - adjoint, (matrices + adjoint) / 2),
        space_group=violation(matrices - symmetric, symmetric),
        translation=violation(drift, matrices + self_terms),
        rotation=of_pairs("rotation"),
        huang=of_pairs("huang"),
    )


def enforce(
    phonons: Phonons,
    *,
    hermiticity: bool = False,
    space_group: bool = False,
    translation: bool = False,
    rotation: bool = False,
    huang: bool = False,
) -> Phonons:
    """Phonons whose force constants obey the rules that are asked for.

    Force constants between atoms are made Hermitian, averaged over the space group, and
    changed as little as the other rules allow, all of them together. Those of other
    sources can be given :class:`WithSelfTerms`, which keep translations free.

    Args:
        phonons: with concrete arrays; :func:`sum_rules` says what would change. With a
            macroscopic field, what is below it is changed.
        hermiticity: implied by any other rule.
        space_group: of the crystal, within 1e-4 Å.
        translation: no force when all atoms move together.
        rotation: none when all turn; only for atoms at rest, and not where charges make
            force constants fall off slowly.
        huang: no stress when all turn; only for a cell at rest, likewise.

    Raises:
        ValueError: if rules other than that of translations are asked of a source that
            is not force constants between atoms.
    """
    source = _analytic(phonons)
    asked: dict[Rule, bool] = {
        "translation": translation,
        "rotation": rotation,
        "huang": huang,
    }
    rules: list[Rule] = [rule for rule, wanted in asked.items() if wanted]
    if isinstance(source, RealSpaceForceConstants):
        if hermiticity or space_group or rules:
            source = merged(source)
        if space_group:
            source = averaged(source, phonons.crystal)
        if rules:
            source = nearest_that_obeys(source, phonons.crystal, rules)
        return _with_analytic(phonons, source)
    if hermiticity or space_group or rotation or huang:
        raise ValueError(
            "only the rule of translations can be enforced on a "
            f"{type(source).__name__}; for the others, force constants between atoms "
            "are needed: make the phonons with grid=(4, 4, 4) or so"
        )
    if not translation:
        return phonons
    at_gamma = np.asarray(source(np.zeros(3)))
    return _with_analytic(phonons, WithSelfTerms(source, _self_terms(at_gamma)))


def _analytic(phonons: Phonons) -> ForceConstants:
    """The source without a macroscopic field, which vanishes at Γ of its own."""
    source = phonons.source
    return source.analytic if isinstance(source, Polar) else source


def _with_analytic(phonons: Phonons, analytic: ForceConstants) -> Phonons:
    source = phonons.source
    if isinstance(source, Polar):
        return phonons.replace(source=source.replace(analytic=analytic))
    return phonons.replace(source=analytic)


def _drift(at_gamma: np.ndarray) -> np.ndarray:
    """Force on each atom when all are displaced alike, (atoms, 3, 3)."""
    n = len(at_gamma) // 3
    return np.real(at_gamma).reshape(n, 3, n, 3).sum(axis=2)


def _self_terms(at_gamma: np.ndarray) -> np.ndarray:
    """What the diagonal lacks for free translations, symmetric, (atoms, 3, 3)."""
    drift = _drift(at_gamma)
    return -(drift + drift.swapaxes(1, 2)) / 2


def _on_diagonal(blocks: Array) -> Array:
    """A matrix with these blocks on its diagonal."""
    xp = jnp if isinstance(blocks, Tracer) else np
    n = len(blocks)
    return xp.einsum("iab,ij->iajb", blocks, np.eye(n)).reshape(3 * n, 3 * n)


def _average(
    operations: Operations,
    q: np.ndarray,
    mesh: tuple[int, int, int],
    matrices: np.ndarray,
) -> np.ndarray:
    """Mean at each point of what symmetry makes of the matrices at its star.

    Of elements that do not carry the mesh into itself, nothing is said.
    """
    total, count = np.zeros(matrices.shape, complex), np.zeros(len(q))
    for point, matrix in zip(q, matrices, strict=True):
        elements, images = images_of(operations, point)
        images = np.asarray(images)
        places = images * mesh
        on_mesh = (np.abs(places - np.rint(places)) < 1e-6).all(axis=1)
        kept = Elements(*(np.asarray(x)[on_mesh] for x in elements))
        address = np.rint(places[on_mesh]).astype(int) % mesh
        rows = np.ravel_multi_index(tuple(address.T), mesh)
        np.add.at(total, rows, rotate(operations, kept, images[on_mesh], matrix))
        np.add.at(count, rows, 1)
    return total / count[:, None, None]


def _frequencies(matrices: np.ndarray, phonons: Phonons) -> np.ndarray:
    """THz, (q, modes)."""
    weighted = hermitian(matrices, np.asarray(phonons.masses))
    return np.asarray(frequencies_of(np.linalg.eigvalsh(weighted)))
