"""What some potentials give beside energies, such as magnetic moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matjax.arrays import Array
from matjax.graphs import Graph
from matjax.predictors.labels import as_label
from matjax.predictors.potential import Potential
from matjax.predictors.property import PropertyPredictor


@dataclass(frozen=True)
class OtherOutputs:
    """A network of energies as one of its other outputs.

    Its ``outputs`` name them, with the methods that give them.
    """

    model: Any

    @property
    def cutoff(self) -> float:
        """Interaction radius, Å."""
        return self.model.cutoff

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers it knows."""
        return self.model.species

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of its outputs."""
        return tuple(self.model.outputs)

    def init(self, *args: Any, **kwargs: Any) -> Any:
        """As ``flax.linen.Module.init``."""
        return self.model.init(*args, **kwargs)

    def apply(self, variables: Any, graph: Graph) -> dict[str, Array]:
        """The outputs by name."""
        return {
            name: self.model.apply(variables, graph, method=method)
            for name, method in self.model.outputs.items()
        }


def other_outputs(potential: Potential) -> PropertyPredictor:
    """Predictor of what a potential gives beside energies, with the same parameters.

    ``other_outputs(potential)(crystal)["magmoms"]`` are the magnetic moments of the
    atoms (μB) where the potential is a :class:`matjax.models.potentials.CHGNet`.

    Args:
        potential: whose network has ``outputs``: names of
            :data:`matjax.predictors.LABELS`, and the methods that give them.

    Raises:
        ValueError: if it gives energies alone.
    """
    model = potential.model
    if not getattr(model, "outputs", None):
        raise ValueError(
            f"a network with outputs beside energies is needed, such as CHGNet; "
            f"{type(model).__name__} has none"
        )
    wrapped = OtherOutputs(model)
    labels = [as_label(name) for name in wrapped.properties]
    return PropertyPredictor.create(wrapped, labels, params=potential.params)
