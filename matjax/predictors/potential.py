"""Energies, forces, stresses and Hessian products of any model: the only dE in matjax.

A model returns node energies. Everything that is a derivative of the energy is made
here, so that all models share one definition of strain, sign and unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Protocol, overload, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from matjax.arrays import Array, Float, Leaf
from matjax.compilation import exported
from matjax.crystals import Crystal
from matjax.graphs import Graph, Policy
from matjax.predictors.batches import batches
from matjax.predictors.network import Model, Network, initial_parameters


@runtime_checkable
class EnergyModel(Model, Protocol):
    """What a network must offer to be a potential.

    Called with a :class:`matjax.graphs.Graph` it returns node energies (nodes,), eV.
    What it gives beside them it names in ``outputs``; see
    :func:`matjax.predictors.other_outputs`.
    """


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


class Potential(Network):
    """A model of energies with its parameters, which are the leaves of the pytree.

    Calling it with a crystal gives a :class:`Prediction` and compiles once for each
    bucket of sizes; inside ``jax.jit`` and ``jax.grad`` use :func:`energy` and
    :func:`evaluate`, which are pure functions of a graph.
    """

    NOUN: ClassVar[str] = "potential"

    @classmethod
    def create(cls, model: EnergyModel, *, seed: int = 0) -> Potential:
        """Potential of a model with its initial parameters."""
        return cls(params=initial_parameters(model, seed), model=model)

    @overload
    def __call__(self, crystals: Crystal, *, shapes: Policy = ...) -> Prediction: ...

    @overload
    def __call__(
        self, crystals: Sequence[Crystal], *, shapes: Policy = ...
    ) -> list[Prediction]: ...

    def __call__(
        self, crystals: Crystal | Sequence[Crystal], *, shapes: Policy = "few"
    ) -> Prediction | list[Prediction]:
        """Energy, forces and stress of a crystal, or of each of several.

        Several are computed in batches of few shapes.

        Args:
            crystals: with concrete arrays.
            shapes: of their graphs: as few as several crystals need, or standard ones,
                which every list and process shares; see
                :data:`matjax.graphs.Policy`.

        Raises:
            ValueError: if the model does not know an element, two atoms lie on one
                place, a result is not finite, or there is no such policy.
        """
        if isinstance(crystals, Crystal):
            if shapes != "few":
                return self([crystals], shapes=shapes)[0]
            result = jax.device_get(_evaluate(self, self.graph(crystals)))
            return _prediction(result, 0, slice(crystals.n_atoms), "this crystal")
        predictions: dict[int, Prediction] = {}
        for batch in batches(self, crystals, shapes, compute=evaluate):
            result = jax.device_get(_evaluate(self, batch.graph))
            for place, index in enumerate(batch.indices):
                rows = slice(*batch.ends[place : place + 2])
                predictions[index] = _prediction(
                    result, place, rows, f"crystal {index}"
                )
        return [predictions[index] for index in range(len(crystals))]

    def node_energies(self, graph: Graph) -> Float[Array, "nodes"]:
        """Energy of each node, eV; 0 for padding."""
        energies = self.apply(graph)
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


_evaluate = exported(result=lambda _, graph: Evaluation(*[graph.cell] * 4))(evaluate)


def _prediction(result: Any, graph: int, atoms: slice, which: str) -> Prediction:
    """What an evaluation, on the host, says of one crystal of a graph.

    Raises:
        ValueError: if it is not finite.
    """
    prediction = Prediction(
        energy=float(result.energy[graph]),
        forces=result.forces[atoms],
        stress=result.stress[graph],
        node_energies=result.node_energies[atoms],
    )
    if not all(np.isfinite(x).all() for x in prediction):
        raise ValueError(
            f"energy, forces and stress must be finite; for {which} the potential "
            f"gives an energy of {prediction.energy} eV: are atoms far too close, has "
            "one more neighbors than the model has places for, or are the parameters "
            "damaged?"
        )
    return prediction


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
