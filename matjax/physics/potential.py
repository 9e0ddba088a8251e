"""Energies, forces, stresses and Hessian products of any model: the only dE in matjax.

A model returns node energies. Everything that is a derivative of the energy is made
here, so that all models share one definition of strain, sign and unit.
"""

from __future__ import annotations

from typing import Any, Protocol

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax import struct

from matjax.arrays import Array, Float
from matjax.crystals.graph import Graph


class EnergyModel(Protocol):
    """What a network must offer to be a potential: a hashable Flax module."""

    cutoff: float
    """Interaction radius, Å."""
    species: tuple[int, ...]
    """Atomic numbers it knows."""

    def apply(self, variables: Any, graph: Graph) -> Float[Array, "nodes"]:
        """Node energies, eV."""
        ...


class Potential(struct.PyTreeNode):
    """A model with its parameters: the parameters are the leaves of the pytree.

    Calling it with a crystal gives a :class:`Prediction` and compiles once for each
    bucket of sizes; inside ``jax.jit`` and ``jax.grad`` use :func:`energy` and
    :func:`evaluate`, which are pure functions of a graph.
    """

    params: Any
    model: nn.Module = struct.field(pytree_node=False)

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

    def astype(self, dtype: jnp.dtype) -> Potential:
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

    energy: Array
    """(graphs,), eV."""
    forces: Array
    """(nodes, 3), eV/Å; 0 for padding."""
    stress: Array
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
        energies = energy(potential, strained)
        return energies.sum(), energies

    (_, energies), (gradient, virial) = jax.value_and_grad(
        total, argnums=(0, 1), has_aux=True
    )(graph.positions, jnp.zeros_like(graph.cell))
    virial = jnp.where(graph.graph_mask[:, None, None], virial, 0)
    return Evaluation(
        energy=energies, forces=-gradient, stress=virial / graph.volume[:, None, None]
    )


def hessian_product(
    potential: Potential, graph: Graph, displacements: Float[Array, "nodes 3"]
) -> Float[Array, "nodes 3"]:
    """Product of the Hessian ∂²E/∂x∂x with displacements of the atoms, eV/Å.

    Displacements repeat in every cell; :mod:`matjax.phonons` treats those that do not.
    Costs about two evaluations of the forces; memory is that of one.
    """

    def gradient(positions: Array) -> Array:
        return -forces(potential, graph.replace(positions=positions))

    return jax.jvp(gradient, (graph.positions,), (displacements,))[1]
