"""Networks that give properties of crystals, with their parameters and units.

They sit beside potentials: no derivative of a property is taken here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, overload, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from matjax.arrays import Array
from matjax.crystals import Crystal
from matjax.graphs import Graph
from matjax.predictors.batches import batches
from matjax.predictors.labels import Label, as_label
from matjax.predictors.network import Model, Network, initial_parameters, probe


@runtime_checkable
class PropertyModel(Model, Protocol):
    """What a network must offer to predict properties.

    Called with a :class:`matjax.graphs.Graph` it returns a dictionary from the names of
    its properties to their values: (graphs, ...) for those of crystals and spectra,
    (nodes, ...) for those of atoms. What it gives for padding has no meaning.
    """

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of its outputs."""
        ...


@dataclass(frozen=True)
class Properties:
    """What a property network says of one crystal, on the host.

    ``properties["gap"]`` is a value by its name; of a network with one property,
    ``value`` and ``unit`` are short for it.
    """

    values: Mapping[str, float | np.ndarray]
    """Values by name: numbers, tensors (...), or (atoms, ...) for those of atoms."""
    units: Mapping[str, str]

    def __getitem__(self, name: str) -> float | np.ndarray:
        return self.values[name]

    @property
    def value(self) -> float | np.ndarray:
        """Value of the only property."""
        return self.values[self._only()]

    @property
    def unit(self) -> str:
        """Unit of the only property."""
        return self.units[self._only()]

    def _only(self) -> str:
        if len(self.values) != 1:
            raise ValueError(
                "value and unit are those of a single property; this network gives "
                f"{list(self.values)}: name the one that is wanted, as in "
                f"result[{next(iter(self.values))!r}]"
            )
        return next(iter(self.values))


class PropertyPredictor(Network):
    """A property model with its parameters, which are the leaves of the pytree.

    Calling it with a crystal gives its :class:`Properties`, with several a list of
    them, and compiles once for each bucket of sizes; inside ``jax.jit`` use
    :meth:`outputs`, a pure function of a graph.
    """

    NOUN: ClassVar[str] = "predictor"

    labels: tuple[Label, ...] = struct.field(pytree_node=False)
    """Kind, shape and unit of each property, in the order of the model."""
    logarithmic: tuple[bool, ...] = struct.field(pytree_node=False)
    """Whether the network gives the decimal logarithm of a property, for each."""

    @classmethod
    def create(
        cls,
        model: PropertyModel,
        labels: Sequence[Label | str],
        *,
        logarithmic: tuple[bool, ...] | None = None,
        params: Any | None = None,
        seed: int = 0,
    ) -> PropertyPredictor:
        """Predictor of a model with these parameters, or with its initial ones.

        Args:
            model: the network.
            labels: kind, shape and unit of each property; a text is the unit of one
                that is a scalar of the crystal, or of the kind known by its name.
            logarithmic: which outputs are decimal logarithms; by default none.
            params: the model's parameters; by default those of ``seed``.
            seed: of the initial parameters.

        Raises:
            ValueError: unless there is one label for each property, of its name, and
                the model returns values of these names and shapes.
        """
        n = len(model.properties)
        logarithmic = (False,) * n if logarithmic is None else logarithmic
        if len(labels) != n or len(logarithmic) != n:
            raise ValueError(
                f"one unit for each of the properties {model.properties} is needed; "
                f"received {labels} (logarithmic: {logarithmic})"
            )
        named = tuple(
            x if isinstance(x, Label) else replace(as_label(name), unit=x)
            for x, name in zip(labels, model.properties, strict=True)
        )
        if tuple(x.name for x in named) != model.properties:
            raise ValueError(
                f"labels must be those of {model.properties}; received "
                f"{[x.name for x in named]}"
            )
        params = initial_parameters(model, seed) if params is None else params
        _require_outputs(model, params, named)
        return cls(
            params=params,
            model=model,
            labels=named,
            logarithmic=logarithmic,
        )

    @overload
    def __call__(self, crystals: Crystal) -> Properties: ...

    @overload
    def __call__(self, crystals: Sequence[Crystal]) -> list[Properties]: ...

    def __call__(
        self, crystals: Crystal | Sequence[Crystal]
    ) -> Properties | list[Properties]:
        """Properties of a crystal, or of each of several.

        Raises:
            ValueError: if the model does not know an element, two atoms lie on one
                place, or a result is not finite.
        """
        if isinstance(crystals, Crystal):
            return self.of_graph(self.graph(crystals))[0]
        found: dict[int, Properties] = {}
        for batch in batches(self, crystals, compute=PropertyPredictor.outputs):
            found |= zip(batch.indices, self.of_graph(batch.graph), strict=True)
        return [found[index] for index in range(len(crystals))]

    def of_graph(self, graph: Graph) -> list[Properties]:
        """Properties of the crystals of a graph that :meth:`graph` made.

        Raises:
            ValueError: if one is not finite.
        """
        outputs, graph = jax.device_get((_outputs(self, graph), graph))
        ends = np.cumsum(np.bincount(graph.node_graph[graph.node_mask]))
        units = {label.name: label.unit for label in self.labels}
        properties = []
        for k in np.flatnonzero(graph.graph_mask):
            atoms = slice(ends[k - 1] if k else 0, ends[k])
            values = {
                x.name: outputs[x.name][atoms if x.of_atoms else k] for x in self.labels
            }
            for name, value in values.items():
                if not np.isfinite(value).all():
                    raise ValueError(
                        f"predictions must be finite; {name} of crystal {k} is "
                        f"{value}: are the parameters damaged?"
                    )
            plain = {n: v if np.ndim(v) else float(v) for n, v in values.items()}
            properties.append(Properties(values=plain, units=units))
        return properties

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of the properties."""
        return self.model.properties

    @property
    def units(self) -> tuple[str, ...]:
        """Unit of each property, such as ``eV/atom``."""
        return tuple(label.unit for label in self.labels)

    def outputs(self, graph: Graph) -> dict[str, Array]:
        """Properties of all crystals or atoms of a graph, in :attr:`units`.

        Padding has zeros.
        """
        raw = self.apply(graph)
        properties = {}
        for label, logarithmic in zip(self.labels, self.logarithmic, strict=True):
            values = raw[label.name]
            mask = label.mask(values, graph)
            values = jnp.where(mask, values, 0)  # powers of padding could overflow
            values = 10**values if logarithmic else values
            properties[label.name] = jnp.where(mask, values, 0)
        return properties


_outputs = jax.jit(PropertyPredictor.outputs)


def _require_outputs(
    model: PropertyModel, params: Any, labels: Sequence[Label]
) -> None:
    """Refuse a model whose outputs are not what its labels say; nothing is computed."""
    n_nodes, n_graphs = 3, 2
    graph = probe(model, n_nodes=n_nodes, n_graphs=n_graphs)
    outputs = jax.eval_shape(model.apply, {"params": params}, graph)
    wanted = {x.name: (n_nodes if x.of_atoms else n_graphs, *x.shape) for x in labels}
    received: Any = type(outputs).__name__
    if isinstance(outputs, Mapping):
        received = {name: jnp.shape(value) for name, value in outputs.items()}
    if received != wanted:
        raise ValueError(
            "a property network must return a dictionary of values by the names of its "
            f"properties; for a graph of {n_nodes} nodes and {n_graphs} graphs these "
            f"must have the shapes {wanted}; received {received}"
        )
