"""Energies, forces, stresses and Hessian products of any model: the only dE in matjax.

A model returns node energies. Everything that is a derivative of the energy is made
here, so that all models share one definition of strain, sign and unit.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax.typing import DTypeLike

from matjax.arrays import Array, Float, Leaf
from matjax.crystals import Crystal
from matjax.elements import symbols
from matjax.graphs import Graph, build_graph


@runtime_checkable
class EnergyModel(Protocol):
    """What a network must offer to be a potential: a Flax module with two attributes.

    Called with a :class:`matjax.graphs.Graph` it returns node energies (nodes,), eV.
    """

    @property
    def cutoff(self) -> float:
        """Interaction radius, Å."""
        ...

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers it knows."""
        ...

    def init(self, *args: Any, **kwargs: Any) -> Any:
        """As ``flax.linen.Module.init``."""
        ...

    def apply(self, *args: Any, **kwargs: Any) -> Any:
        """As ``flax.linen.Module.apply``."""
        ...


class Prediction(NamedTuple):
    """What a potential says of one crystal, on the host."""

    energy: float
    """eV per cell."""
    forces: np.ndarray
    """(atoms, 3), eV/Å."""
    stress: np.ndarray
    """(3, 3), eV/Å³, tension positive."""
    node_energies: np.ndarray
    """(atoms,), eV; their sum is the energy."""


class Potential(struct.PyTreeNode):
    """A model with its parameters: the parameters are the leaves of the pytree.

    Calling it with a crystal gives a :class:`Prediction` and compiles once for each
    bucket of sizes; inside ``jax.jit`` and ``jax.grad`` use :func:`energy` and
    :func:`evaluate`, which are pure functions of a graph.
    """

    params: Any
    model: EnergyModel = struct.field(pytree_node=False)

    @classmethod
    def create(cls, model: EnergyModel, *, seed: int = 0) -> Potential:
        """Potential of a model with its initial parameters."""
        init = jax.jit(model.init)
        return cls(
            params=init(jax.random.key(seed), probe(model))["params"], model=model
        )

    def __call__(self, crystal: Crystal) -> Prediction:
        """Energy, forces and stress of a crystal with concrete arrays.

        Raises:
            ValueError: if the model does not know an element, two atoms lie on one
                place, or the result is not finite.
        """
        graph = self.graph(crystal)
        result = jax.device_get(_evaluate(self, graph))
        n = crystal.n_atoms
        prediction = Prediction(
            energy=float(result.energy[0]),
            forces=result.forces[:n],
            stress=result.stress[0],
            node_energies=result.node_energies[:n],
        )
        if not all(np.isfinite(x).all() for x in prediction):
            raise ValueError(
                "energy, forces and stress must be finite; for this crystal the "
                f"potential gives an energy of {prediction.energy} eV: are atoms far "
                "too close, or the parameters damaged?"
            )
        return prediction

    def graph(
        self,
        crystal: Crystal,
        *,
        n_nodes: int | None = None,
        degree: int | None = None,
    ) -> Graph:
        """Graph of a crystal at this potential's cutoff and precision, checked.

        Args:
            crystal: with concrete arrays.
            n_nodes: nodes with padding; see :func:`matjax.graphs.build_graph`.
            degree: edge slots of each node; likewise.

        Raises:
            ValueError: if the model does not know an element of the crystal.
        """
        self.require_species(crystal)
        return build_graph(
            crystal, self.cutoff, n_nodes=n_nodes, degree=degree, dtype=self.dtype
        )

    def require_species(self, crystal: Crystal) -> None:
        """Raises ValueError if the crystal has an element that the model lacks."""
        unknown = sorted(set(np.asarray(crystal.numbers).tolist()) - set(self.species))
        if unknown:
            raise ValueError(
                f"the potential knows {_listed(self.species)}; the crystal holds "
                f"{_listed(tuple(unknown))}: choose another potential"
            )

    @property
    def cutoff(self) -> float:
        """Interaction radius, Å."""
        return self.model.cutoff

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers the model knows."""
        return self.model.species

    @property
    def dtype(self) -> jnp.dtype:
        """Precision of the parameters, in which everything is computed."""
        return jnp.result_type(*jax.tree.leaves(self.params))

    def astype(self, dtype: DTypeLike) -> Potential:
        """The same potential in another precision."""
        return self.replace(
            params=jax.tree.map(lambda x: jnp.asarray(x, dtype), self.params)
        )

    def node_energies(self, graph: Graph) -> Float[Array, "nodes"]:
        """Energy of each node, eV; 0 for padding."""
        energies = self.model.apply({"params": self.params}, graph)
        return jnp.where(graph.node_mask, energies, 0)


class Evaluation(struct.PyTreeNode):
    """Energy and its first derivatives for every crystal of a graph."""

    energy: Leaf
    """(graphs,), eV."""
    node_energies: Leaf
    """(nodes,), eV; 0 for padding."""
    forces: Leaf
    """(nodes, 3), eV/Å; 0 for padding."""
    stress: Leaf
    """(graphs, 3, 3), eV/Å³, tension positive; 0 for padding."""


def energy(potential: Potential, graph: Graph) -> Float[Array, "graphs"]:
    """Energy of every crystal of a graph, eV."""
    return graph.graph_sum(potential.node_energies(graph))


def forces(potential: Potential, graph: Graph) -> Float[Array, "nodes 3"]:
    """Forces −∂E/∂x, eV/Å."""

    def total(positions: Array) -> Array:
        return energy(potential, graph.replace(positions=positions)).sum()

    return -jax.grad(total)(graph.positions)


def evaluate(potential: Potential, graph: Graph) -> Evaluation:
    """Energies, forces and stresses of every crystal of a graph.

    The stress is σ = (1/|V|) dE/dε for the deformation x → x(1 + ε) of positions and
    cell, with ε symmetric (Knuth et al., Comput. Phys. Commun. 190, 33 (2015), Eq. 4);
    it is positive when the crystal wants to contract.
    """

    def total(positions: Array, strain: Array) -> tuple[Array, Array]:
        symmetric = (strain + strain.swapaxes(-1, -2)) / 2
        strained = graph.replace(positions=positions).strained(symmetric)
        energies = potential.node_energies(strained)
        return energies.sum(), energies

    (_, node_energies), (gradient, virial) = jax.value_and_grad(
        total, argnums=(0, 1), has_aux=True
    )(graph.positions, jnp.zeros_like(graph.cell))
    virial = jnp.where(graph.graph_mask[:, None, None], virial, 0)
    return Evaluation(
        energy=graph.graph_sum(node_energies),
        node_energies=node_energies,
        forces=-gradient,
        stress=virial / graph.volume[:, None, None],
    )


_evaluate = jax.jit(evaluate)


def hessian_product(
    potential: Potential, graph: Graph, displacements: Float[Array, "nodes 3"]
) -> Float[Array, "nodes 3"]:
    """Product of the Hessian ∂²E/∂x∂x with displacements of the atoms, eV/Å.

    Displacements repeat in every cell; :mod:`matjax.force_constants` treats those that
    do not. Costs about two evaluations of the forces; memory is that of one.
    """

    def gradient(positions: Array) -> Array:
        return -forces(potential, graph.replace(positions=positions))

    return jax.jvp(gradient, (graph.positions,), (displacements,))[1]


def probe(model: EnergyModel) -> Graph:
    """A graph of one atom, on which a model's parameters are initialised."""
    atom = Crystal.create([model.species[0]], np.eye(3) * 10, fractional=[[0, 0, 0]])
    return build_graph(atom, 1.0)


def _listed(numbers: tuple[int, ...]) -> str:
    named = symbols(numbers)
    if len(named) <= 12:
        return ", ".join(named)
    return f"{', '.join(named[:6])} … {named[-1]} ({len(named)} elements)"
