"""What a data set says of itself before training: references, scales, sizes, shapes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from matjax.data.datasets import Example
from matjax.data.labeled_graphs import LabeledGraphs
from matjax.elements import symbols
from matjax.graphs import Shape

LOG = logging.getLogger("matjax.train")

SPLIT_VARIANCE = 0.95
"""Share of the variance that two classes of residuals must explain to be suspicious. A
normal distribution cut in its middle explains 0.64, a uniform one 0.75."""

SPLIT_ENERGY = 0.5
"""eV/atom; a smaller distance between the two classes may be physics."""


@dataclass(frozen=True)
class References:
    """Energies of the elements that explain most of the energies of a data set."""

    energies: dict[int, float]
    """eV, by atomic number."""
    residuals: np.ndarray
    """What they leave, (examples,), eV/atom."""

    @property
    def rms(self) -> float:
        """Root mean square of the residuals, eV/atom."""
        return float(np.sqrt(np.mean(self.residuals**2)))


@dataclass(frozen=True)
class Statistics:
    """A data set in numbers."""

    n_examples: int
    n_atoms: int
    """Atoms of all examples."""
    species: tuple[int, ...]
    mean_neighbors: float
    """Mean number of neighbors of an atom, within the cutoff."""
    largest: Shape
    """Atoms and degree of the largest example, as a batch of one."""
    references: References | None
    """Where energies are among the labels."""
    force_rms: float | None
    """Root mean square of the components, eV/Å, where forces are."""
    means: dict[str, float]
    """Mean of each scalar of the crystal."""
    deviations: dict[str, float]
    """Standard deviation of each of them."""


@dataclass(frozen=True)
class Shapes:
    """The few shapes of the batches of a loader, the smallest first."""

    shapes: tuple[Shape, ...]
    padding: float
    """Expected share of edge slots that are empty."""

    def smallest(self, n_nodes: int, degree: int) -> Shape:
        """The shape with fewest slots that holds so many.

        Raises:
            ValueError: if none does.
        """
        for shape in self.shapes:
            if shape.n_nodes >= n_nodes and shape.degree >= degree:
                return shape
        raise ValueError(
            f"a batch of {n_nodes} nodes of degree {degree} needs a shape that holds "
            f"it; the largest is {self.shapes[-1]}"
        )


def dataset_statistics(graphs: LabeledGraphs) -> Statistics:
    """Numbers of a data set; warns if its energies seem to have several references."""
    examples, sizes = graphs.dataset.examples, graphs.sizes
    values = {
        label.name: np.array([e.labels[label.name] for e in examples])
        for label in graphs.labels
        if label.per == "graph" and not label.shape
    }
    has = {label.name for label in graphs.labels}.__contains__
    return Statistics(
        n_examples=len(examples),
        n_atoms=int(sizes.n_atoms.sum()),
        species=graphs.dataset.species,
        mean_neighbors=float(sizes.n_edges.sum() / sizes.n_atoms.sum()),
        largest=Shape(int(sizes.n_atoms.max()), int(sizes.degrees.max()), 1),
        references=reference_energies(examples) if has("energy") else None,
        force_rms=force_rms(examples) if has("forces") else None,
        means={x: float(v.mean()) for x, v in values.items()},
        deviations={x: float(v.std()) for x, v in values.items()},
    )


def force_rms(examples: Sequence[Example]) -> float:
    """Root mean square of all force components, eV/Å."""
    forces = np.concatenate([np.asarray(e.labels["forces"]) for e in examples])
    return float(np.sqrt(np.mean(forces**2)))


def reference_energies(examples: Sequence[Example]) -> References:
    """Energies of the elements by least squares, with the least norm if ambiguous.

    Minimizes Σ_k (E_k/n_k − Σ_z x_kz e_z)², where x_kz is the share of element z among
    the n_k atoms of example k. Residuals in two classes far apart are what mixed
    references (total energies of two programs, or some of them relative to something)
    look like: a warning names the frames.
    """
    counts, species = _compositions(examples)
    n_atoms = counts.sum(axis=1)
    per_atom = np.array([float(e.labels["energy"]) for e in examples]) / n_atoms
    shares = counts / n_atoms[:, None]
    solution = np.linalg.lstsq(shares, per_atom, rcond=1e-10)[0]
    residuals = per_atom - shares @ solution
    _warn_if_mixed(examples, residuals)
    energies = dict(zip(species, solution.tolist(), strict=True))
    return References(energies=energies, residuals=residuals)


def bucket_sizes(
    needed: np.ndarray, largest: Shape, *, n_shapes: int = 3, node_step: int = 8
) -> Shapes:
    """At most ``n_shapes`` shapes for batches that need these sizes, with few slots.

    Args:
        needed: nodes, degree and edges of typical batches, (batches, 3).
        largest: holds any batch; the last of the shapes, compiled only if it is met.
        n_shapes: number of shapes, at least 1.
        node_step: numbers of nodes are multiples of it, but for the largest.

    Raises:
        ValueError: if no shape is allowed, or a typical batch does not fit the largest.
    """
    if n_shapes < 1:
        raise ValueError(f"at least one shape is needed; received {n_shapes}")
    pairs, edges = needed[:, :2], needed[:, 2]
    if (pairs > [largest.n_nodes, largest.degree]).any():
        raise ValueError(
            f"the largest shape {largest} must hold every batch; some need "
            f"{pairs.max(axis=0).tolist()} nodes and degree"
        )
    quantiles = [0.25, 0.5, 0.75, 0.9, 0.97, 1.0]
    grid = np.quantile(pairs, quantiles, axis=0, method="higher").astype(int)
    grid[:, 0] = np.minimum(-(-grid[:, 0] // node_step) * node_step, largest.n_nodes)
    some = np.array(sorted({(n, d) for n in grid[:, 0] for d in grid[:, 1]}))
    fits = (pairs[:, None] <= some).all(axis=2)
    costs = np.where(fits, some.prod(axis=1), largest.n_slots)
    best: tuple[int, ...] = ()
    least = largest.n_slots * len(pairs)
    for size in range(1, n_shapes):
        for chosen in combinations(range(len(some)), size):
            cost = costs[:, chosen].min(axis=1).sum()
            if cost < 0.99 * least:  # one more shape must be worth its compilation
                best, least = chosen, cost
    chosen_shapes = {
        Shape(n, d, largest.n_graphs) for n, d in some[list(best)].tolist()
    }
    shapes = tuple(sorted(chosen_shapes | {largest}, key=lambda s: (s.n_slots, s)))
    return Shapes(shapes=shapes, padding=float(1 - edges.sum() / least))


def _compositions(examples: Sequence[Example]) -> tuple[np.ndarray, list[int]]:
    """Number of atoms of each species in each example, and the species."""
    numbers = [np.asarray(e.crystal.numbers) for e in examples]
    species = sorted(set(np.concatenate(numbers).tolist()))
    counts = np.array([[np.sum(z == s) for s in species] for z in numbers], dtype=float)
    return counts, species


def _warn_if_mixed(examples: Sequence[Example], residuals: np.ndarray) -> None:
    """Cuts the residuals where two classes explain most of their variance (Otsu)."""
    n = len(residuals)
    order = np.argsort(residuals)
    r = residuals[order] - residuals.mean()
    variance = np.mean(r**2)
    if n < 3 or variance == 0:
        return
    below = np.arange(1, n) / n
    partial = np.cumsum(r)[:-1] / n
    between = partial**2 / (below * (1 - below))
    cut = int(np.argmax(between)) + 1
    low, high = order[:cut], order[cut:]
    distance = residuals[high].mean() - residuals[low].mean()
    explained = between[cut - 1] / variance
    if explained < SPLIT_VARIANCE or distance < SPLIT_ENERGY:
        return
    few = low if len(low) <= len(high) else high
    files = sorted({examples[i].source.partition("#")[0] for i in few})
    LOG.warning(
        "energies seem to have several references: composition explains all but "
        "%.3g eV/atom (rms), and what is left falls into two classes %.3g eV/atom "
        "apart, %d and %d of %d frames; the smaller one, from %s, has %s. If these "
        "are not isolated atoms or the like, bring all energies to one reference",
        np.sqrt(np.mean(residuals**2)),
        distance,
        len(low),
        len(high),
        n,
        ", ".join(files[:5]),
        ", ".join(examples[i].source for i in sorted(few)[:5]),
    )


def describe(found: Statistics) -> Mapping[str, float | int]:
    """The numbers of a data set by names that carry units, for tables and records."""
    named: dict[str, float | int] = {
        "n_examples": found.n_examples,
        "n_atoms": found.n_atoms,
        "mean_neighbors": found.mean_neighbors,
    }
    if found.references is not None:
        named["reference_rms_eV_per_atom"] = found.references.rms
        for z, energy in found.references.energies.items():
            named[f"reference_{symbols((z,))[0]}_eV"] = energy
    if found.force_rms is not None:
        named["force_rms_eV_per_A"] = found.force_rms
    return named
