"""What a data set says of itself before training: references, scales, sizes, shapes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
