"""Deep ensembles: several potentials of one model as one, and how far they disagree.

Source: Lakshminarayanan, Pritzel and Blundell, NeurIPS 2017 (arXiv 1612.01474).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax

from matjax.arrays import Array, Float
from matjax.crystals import Crystal
from matjax.graphs import Graph
from matjax.predictors.network import stacked
from matjax.predictors.potential import (
    EnergyModel,
    Evaluation,
    Potential,
    Prediction,
    evaluate,
)


@dataclass(frozen=True)
class MeanModel:
    """A model whose node energies are the mean over several sets of parameters."""

    model: EnergyModel
    """Model of the members."""
    n_members: int

    @property
    def cutoff(self) -> float:
        """Interaction radius, Å."""
        return self.model.cutoff

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers it knows."""
        return self.model.species

    def init(self, key: Array, graph: Graph) -> Any:
        """Parameters of all members, stacked along the first axis."""
        keys = jax.random.split(key, self.n_members)
        return jax.vmap(self.model.init, (0, None))(keys, graph)

    def apply(self, variables: Any, graph: Graph) -> Float[Array, "nodes"]:
        """Mean of the members' node energies, eV."""
        return jax.vmap(self.model.apply, (0, None))(variables, graph).mean(axis=0)


class Committee(Potential):
    """Potential whose energy is the mean over members of one model.

    Its parameters are the members', stacked along the first axis. Forces, stresses,
    relaxation, dynamics and phonons are those of the mean energy and cost as much as
    those of all members; :meth:`variance` says how far these disagree.
    """

    @classmethod
    def create(
        cls, model: EnergyModel, *, seed: int = 0, n_members: int = 4
    ) -> Committee:
        """Committee of a model whose members have initial parameters of their own."""
        stacked = Potential.create(MeanModel(model, n_members), seed=seed)
        return cls(params=stacked.params, model=stacked.model)

    @classmethod
    def of(cls, members: Sequence[Potential]) -> Committee:
        """Committee of potentials of the same model.

        Raises:
            ValueError: if there are none, or their models differ.
        """
        models = {member.model for member in members}
        if len(models) != 1:
            raise ValueError(
                "the members of a committee must be potentials of one model; received "
                f"{len(members)} of {len(models)} different models"
            )
        params = stacked([member.params for member in members])
        return cls(params=params, model=MeanModel(models.pop(), len(members)))

    @property
    def members(self) -> tuple[Potential, ...]:
        """The potentials whose mean it is."""
        stacked = _stacked(self)
        return tuple(
            jax.tree.map(lambda x, i=i: x[i], stacked)
            for i in range(self.model.n_members)  # pyright: ignore[reportAttributeAccessIssue]
        )

    def variance(self, crystal: Crystal) -> Prediction:
        """Predictive variance of what calling the committee predicts.

        Mean square deviation of the members from their mean: of the energy in eV², of
        the components of the forces in (eV/Å)², of those of the stress in (eV/Å³)².

        Raises:
            ValueError: if the model does not know an element of the crystal.
        """
        variances = jax.device_get(_variance(self, self.graph(crystal)))
        n = crystal.n_atoms
        return Prediction(
            energy=float(variances.energy[0]),
            forces=variances.forces[:n],
            stress=variances.stress[0],
            node_energies=variances.node_energies[:n],
        )


def evaluate_members(committee: Committee, graph: Graph) -> Evaluation:
    """Energies, forces and stresses of each member: arrays (members, ...)."""
    return jax.vmap(evaluate, (0, None))(_stacked(committee), graph)


@jax.jit
def _variance(committee: Committee, graph: Graph) -> Evaluation:
    members = evaluate_members(committee, graph)
    return jax.tree.map(lambda x: x.var(axis=0), members)


def _stacked(committee: Committee) -> Potential:
    """The members as one potential of their model, for maps over its parameters."""
    model: Any = committee.model
    return Potential(params=committee.params, model=model.model)
