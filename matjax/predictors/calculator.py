"""A potential as an ASE calculator, for ASE's optimisers, phonopy and other codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from ase.calculators.calculator import CalculationFailed, Calculator, all_changes

from matjax.arrays import Array, Float
from matjax.crystals import Crystal
from matjax.graphs import Graph
from matjax.predictors.potential import Potential, _evaluate

if TYPE_CHECKING:
    import ase


def ase_calculator(potential: Potential) -> PotentialCalculator:
    """ASE calculator of a potential: energy, forces, stress, energies of atoms.

    It compiles once for each bucket of sizes. The number of neighbors that it has room
    for never shrinks, so that atoms which move to and fro do not compile anew.
    """
    return PotentialCalculator(potential)


class PotentialCalculator(Calculator):
    """See :func:`ase_calculator`."""

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]  # noqa: RUF012 (ASE's class attribute)

    def __init__(self, potential: Potential) -> None:
        super().__init__()
        self.potential = potential
        self._degrees: dict[int, int] = {}

    def calculate(
        self,
        atoms: ase.Atoms,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Fills ``results`` with everything; the cost is that of forces alone.

        Raises:
            ValueError: if the potential does not know an element, or two atoms lie on
                one place.
            CalculationFailed: if the energy or a force is not finite.
        """
        super().calculate(atoms, properties, system_changes)
        # ASE applies constraints to forces itself.
        crystal = Crystal.from_ase(atoms, constraints=False)
        graph = self.potential.graph(crystal)
        degree = max(graph.degree, self._degrees.get(graph.n_nodes, 0))
        self._degrees[graph.n_nodes] = degree
        result = jax.device_get(_evaluate(self.potential, _widened(graph, degree)))
        n_atoms = crystal.n_atoms
        energy = float(result.energy[0])
        forces = result.forces[:n_atoms].astype(np.float64)
        if not (np.isfinite(energy) and np.isfinite(forces).all()):
            raise CalculationFailed(
                f"energy and forces must be finite; the energy is {energy} eV: are "
                "atoms far too close?"
            )
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "energies": result.node_energies[:n_atoms].astype(np.float64),
            "forces": forces,
        }
        if atoms.cell.rank == 3:  # otherwise there is no volume to divide by
            self.results["stress"] = voigt(result.stress[0].astype(np.float64))


def voigt(tensor: Float[Array, "*frames 3 3"]) -> Float[Array, "*frames 6"]:
    """Components of a symmetric tensor in ASE's order: xx, yy, zz, yz, xz, xy."""
    return tensor.reshape(*tensor.shape[:-2], 9)[..., [0, 4, 8, 5, 2, 1]]


def _widened(graph: Graph, degree: int) -> Graph:
    """The same graph with more slots for the edges of each node."""
    n, empty = graph.n_nodes, degree - graph.degree
    if empty == 0:
        return graph

    def widen(slots: Array, filler: np.ndarray) -> Array:
        rows = np.asarray(slots).reshape(n, graph.degree, *slots.shape[1:])
        filler = np.broadcast_to(filler, (n, empty, *slots.shape[1:]))
        joined = np.concatenate([rows, filler.astype(rows.dtype)], axis=1)
        return jnp.asarray(joined.reshape(-1, *slots.shape[1:]))

    return graph.replace(
        senders=widen(graph.senders, np.arange(n)[:, None]),
        shifts=widen(graph.shifts, np.zeros(3)),
        edge_mask=widen(graph.edge_mask, np.zeros(())),
    )
