"""A potential as an ASE calculator, for ASE's optimisers, phonopy and other codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from ase.calculators.calculator import Calculator, all_changes

from matjax.crystals import Crystal, Graph
from matjax.physics.potential import Potential, _evaluate

if TYPE_CHECKING:
    import ase

VOIGT = (0, 4, 8, 5, 2, 1)
"""xx, yy, zz, yz, xz, xy in a flattened tensor: ASE's order."""


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
        atoms: ase.Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Fill ``results`` with everything; the cost is that of forces alone."""
        super().calculate(atoms, properties, system_changes)
        crystal = Crystal.from_ase(self.atoms)
        graph = self.potential.graph(crystal)
        degree = max(graph.degree, self._degrees.get(graph.n_nodes, 0))
        self._degrees[graph.n_nodes] = degree
        result = jax.device_get(_evaluate(self.potential, _widened(graph, degree)))
        n_atoms = crystal.n_atoms
        energy = float(result.energy[0])
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "energies": result.node_energies[:n_atoms].astype(np.float64),
            "forces": result.forces[:n_atoms].astype(np.float64),
        }
        if self.atoms.cell.rank == 3:  # otherwise there is no volume to divide by
            stress = result.stress[0].reshape(9)[list(VOIGT)]
            self.results["stress"] = stress.astype(np.float64)


def _widened(graph: Graph, degree: int) -> Graph:
    """The same graph with more slots for the edges of each node."""
    empty = degree - graph.degree
    if empty == 0:
        return graph
    n = graph.n_nodes
    senders = graph.senders.reshape(n, -1)
    itself = jnp.broadcast_to(jnp.arange(n, dtype=senders.dtype)[:, None], (n, empty))
    shifts = jnp.pad(graph.shifts.reshape(n, -1, 3), ((0, 0), (0, empty), (0, 0)))
    edge_mask = jnp.pad(graph.edge_mask.reshape(n, -1), ((0, 0), (0, empty)))
    return graph.replace(
        senders=jnp.concatenate([senders, itself], axis=1).reshape(-1),
        shifts=shifts.reshape(-1, 3),
        edge_mask=edge_mask.reshape(-1),
    )
