"""Losses: means over all labels of a global batch, one term for each kind of label.

A loss is a sum of terms, each a weight times the mean of some function of the errors
over everything that carries this label in the global batch,

    L = Σ_t w_t (Σ_{i ∈ t} ℓ_t(e_i)) / N_t.

Sums and counts are kept apart, so that parts of a batch on several devices, or one
after the other, add up to the loss of the whole batch and not to a mean of means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp

from matjax.arrays import Array
from matjax.elements import MASSES
from matjax.graphs import Graph
from matjax.numerics import safe_norm
from matjax.predictors import Label, as_label
from matjax.units import THZ

Kind = Literal["mae", "mse", "huber", "norm", "logistic"]
"""|e|, e², Huber's function of e, |e| of vectors as a whole; and the cross-entropy of
classes 0 and 1, of which predictions are the logarithms of the odds and e that of the
probability."""

KINDS: tuple[str, ...] = get_args(Kind)

SOFTEST = 0.1
"""eV/Å². Columns of less are those of translations, almost: their errors say nothing of
a frequency."""


class Term(NamedTuple):
    """One term of a loss."""

    label: Label | str
    """What it is of; a name as :func:`matjax.predictors.as_label` understands it."""
    weight: float
    kind: Kind = "mae"
    delta: float = 1.0
    """Where Huber's function turns from square to linear, in the unit of the label."""
    scale: float = 1.0
    """Errors count in this unit: eV, eV/Å, … of the label."""
    in_frequency: bool = False
    """Whether errors count by what they change in a frequency, THz, and delta and scale
    are in this unit, for columns only; see :func:`frequency_weights`."""

    @property
    def what(self) -> Label:
        """The label."""
        return as_label(self.label)

    @property
    def name(self) -> str:
        """Name of the label."""
        return self.what.name


class Sums(NamedTuple):
    """Sums of one term over the labels of some graphs; they add up."""

    loss: Any
    absolute: Any
    square: Any
    count: Any


Predict = Callable[[Any, Any], Mapping[str, Array]]
"""From parameters and a batch to what is compared with the batch's labels; ``columns``
are (columns, 2, nodes, 3), real and imaginary parts."""


def require_terms(terms: Sequence[Term]) -> None:
    """Raises ValueError for terms that make no loss."""
    if not terms:
        raise ValueError("a loss needs at least one term; received none")
    for term in terms:
        if term.kind not in KINDS:
            raise ValueError(
                f"a term's kind must be one of {KINDS}; {term.name} has {term.kind!r}"
            )
        if term.in_frequency and term.what.per != "column":
            raise ValueError(
                f"only errors of columns count in frequency; {term.name} has "
                "in_frequency=True: leave it out"
            )
        positive = term.weight > 0 and term.delta > 0 and term.scale > 0
        if not positive:
            raise ValueError(
                f"weight, delta and scale of a term must be positive; received {term}"
            )
    names = [term.name for term in terms]
    if len(set(names)) < len(names):
        raise ValueError(f"each label has one term; received {names}")


def term_sums(
    terms: Sequence[Term],
    predicted: Mapping[str, Array],
    labels: Mapping[str, Array],
    graph: Graph,
) -> dict[str, Sums]:
    """Sums of each term over the graphs of a batch.

    Args:
        terms: of the loss.
        predicted: by label, padded as the labels are.
        labels: of the batch.
        graph: whose masks say what is padding.

    Raises:
        ValueError: if a term's label is not among the labels: it would count as zero.
    """
    sums = {}
    for term in terms:
        name = term.name
        if name not in labels:
            raise ValueError(
                f"the loss has a term of {name!r}; the batch has labels of "
                f"{sorted(labels)} only: remove the term or choose other data"
            )
        values, known = predicted[name], labels[name]
        mask = term.what.mask(values, graph)
        if term.kind == "logistic":
            sums[name] = _logistic_sums(values, known, mask)
            continue
        error = jnp.where(mask, term.what.by_atom(values - known, graph), 0)
        weights = frequency_weights(known, graph) if term.in_frequency else 1.0
        sums[name] = _sums(term, error, weights, mask)
    return sums


def frequency_weights(columns: Array, graph: Graph) -> Array:
    """What an error of force constants is in a frequency, THz Å²/eV.

    In an oscillator of mass m, δν = δΦ / (4π √(m Φ)). Here m is the mass of the row's
    atom and Φ the length of the column: an atom of mass m' moves at about √(Φ/m'), and
    an element of the dynamical matrix carries another 1/√(m m').

    Args:
        columns: (columns, 2, nodes, 3), as labels say, eV/Å².
        graph: of the crystal.

    Returns:
        Factors of the rows of each column, (columns, 1, nodes, 1).
    """
    masses = jnp.asarray(MASSES, columns.dtype)[graph.numbers]
    masses = jnp.where(graph.node_mask, masses, 1)
    inside = jnp.where(graph.node_mask[:, None], columns, 0)
    squares = jnp.sum(jnp.square(inside), axis=(1, 2, 3), keepdims=True)
    stiffness = jnp.sqrt(jnp.maximum(squares, SOFTEST**2))
    return THZ / 2 / jnp.sqrt(stiffness * masses[:, None])


def total(terms: Sequence[Term], sums: Mapping[str, Sums]) -> Array:
    """The loss of a global batch, from its sums."""
    parts = [
        term.weight * sums[term.name].loss / jnp.maximum(sums[term.name].count, 1)
        for term in terms
    ]
    return jnp.sum(jnp.stack(parts))


def _sums(term: Term, error: Array, weights: Array | float, mask: Array) -> Sums:
    scaled = weights * error / term.scale
    if term.kind == "norm":
        # As many counts as components, so that weights mean the same for all kinds.
        loss = safe_norm(scaled).sum() * error.shape[-1]
    else:
        loss = jnp.sum(_penalty(term, scaled))
    return Sums(
        loss=loss,
        absolute=jnp.sum(jnp.abs(error)),
        square=jnp.sum(jnp.square(error)),
        count=jnp.sum(mask, dtype=error.dtype),
    )


def _logistic_sums(odds: Array, classes: Array, mask: Array) -> Sums:
    """Cross-entropy, and errors of the probability."""
    odds = jnp.where(mask, odds, 0)
    error = jnp.where(mask, jax.nn.sigmoid(odds) - classes, 0)
    entropy = jax.nn.softplus(odds) - classes * odds
    return Sums(
        loss=jnp.sum(jnp.where(mask, entropy, 0)),
        absolute=jnp.sum(jnp.abs(error)),
        square=jnp.sum(jnp.square(error)),
        count=jnp.sum(mask, dtype=error.dtype),
    )


def _penalty(term: Term, error: Array) -> Array:
    size = jnp.abs(error)
    if term.kind == "mae":
        return size
    if term.kind == "mse":
        return size * size
    delta = term.delta / term.scale
    near = jnp.minimum(size, delta)
    return near * (size - near / 2) / delta


def add(a: Any, b: Any) -> Any:
    """Sums of two parts together."""
    return jax.tree.map(jnp.add, a, b)
