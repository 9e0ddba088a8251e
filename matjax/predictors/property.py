"""Networks that give properties of whole crystals, with their parameters and units.

They sit beside potentials: a property has a name and a unit, and no derivative of it is
taken here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax.typing import DTypeLike

from matjax.arrays import Array, Float
from matjax.crystals import Crystal
from matjax.elements import symbols
from matjax.graphs import Graph, build_graph
from matjax.predictors.potential import probe


@runtime_checkable
class PropertyModel(Protocol):
    """What a network must offer: a Flax module with three attributes.

    Called with a :class:`matjax.graphs.Graph` it returns (graphs, properties). One
    that keeps only some neighbors says how many by an attribute ``n_nearest``.
    """

    @property
    def cutoff(self) -> float:
        """Interaction radius, Å."""
        ...

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers it knows."""
        ...

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of its outputs."""
        ...

    def init(self, *args: Any, **kwargs: Any) -> Any:
        """As ``flax.linen.Module.init``."""
        ...

    def apply(self, *args: Any, **kwargs: Any) -> Any:
        """As ``flax.linen.Module.apply``."""
        ...


class PropertyPredictor(struct.PyTreeNode):
    """A property model with its parameters, which are the leaves of the pytree.

    Calling it with a crystal, or with several, gives the value of each property by its
    name and compiles once for each bucket of sizes; inside ``jax.jit`` use
    :meth:`values`, a pure function of a graph.
    """

    params: Any
    model: PropertyModel = struct.field(pytree_node=False)
    units: tuple[str, ...] = struct.field(pytree_node=False)
    """Of each property, such as ``eV/atom``."""
    logarithmic: tuple[bool, ...] = struct.field(pytree_node=False)
    """Whether the network gives the decimal logarithm of the property."""

    @classmethod
    def create(
        cls,
        model: PropertyModel,
        units: tuple[str, ...],
        *,
        logarithmic: tuple[bool, ...] | None = None,
        params: Any | None = None,
        seed: int = 0,
    ) -> PropertyPredictor:
        """Predictor of a model with these parameters, or with its initial ones.

        Args:
            model: the network.
            units: of each property.
            logarithmic: which outputs are decimal logarithms; by default none.
            params: the model's parameters; by default those of ``seed``.
            seed: of the initial parameters.

        Raises:
            ValueError: unless there is one unit for each property.
        """
        n = len(model.properties)
        logarithmic = (False,) * n if logarithmic is None else logarithmic
        if len(units) != n or len(logarithmic) != n:
            raise ValueError(
                f"one unit for each of the properties {model.properties} is needed; "
                f"received {units} (logarithmic: {logarithmic})"
            )
        if params is None:
            params = jax.jit(model.init)(jax.random.key(seed), probe(model))["params"]
        return cls(params=params, model=model, units=units, logarithmic=logarithmic)

    def __call__(
        self, crystals: Crystal | Sequence[Crystal]
    ) -> dict[str, float] | dict[str, np.ndarray]:
        """Properties by name, in :attr:`units`; arrays (crystals,) for several.

        Raises:
            ValueError: if the model does not know an element, two atoms lie on one
                place, or a result is not finite.
        """
        if isinstance(crystals, Crystal):
            values = self.of_graph(self.graph(crystals))
            return {name: float(value[0]) for name, value in values.items()}
        return self.of_graph(self.graph(crystals))

    def of_graph(self, graph: Graph) -> dict[str, np.ndarray]:
        """Properties by name of the crystals of a graph that :meth:`graph` made.

        Raises:
            ValueError: if one is not finite.
        """
        values = np.asarray(_values(self, graph))[np.asarray(graph.graph_mask)]
        bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(bad):
            raise ValueError(
                f"predictions must be finite; those of crystal {bad[0]} are "
                f"{values[bad[0]]}: are the parameters damaged?"
            )
        return dict(zip(self.properties, values.T, strict=True))

    def graph(
        self,
        crystals: Crystal | Sequence[Crystal],
        *,
        n_nodes: int | None = None,
        degree: int | None = None,
        n_graphs: int | None = None,
        parts: int = 8,
    ) -> Graph:
        """Graph of crystals as the model wants it, checked.

        Args:
            crystals: with concrete arrays.
            n_nodes: nodes with padding; see :func:`matjax.graphs.build_graph`.
            degree: edge slots of each node; likewise.
            n_graphs: graphs with padding; likewise.
            parts: of a power of two, for sizes not given; likewise.

        Raises:
            ValueError: if the model does not know an element of a crystal.
        """
        crystals = [crystals] if isinstance(crystals, Crystal) else list(crystals)
        for crystal in crystals:
            self.require_species(crystal)
        return build_graph(
            crystals,
            self.model.cutoff,
            n_nearest=getattr(self.model, "n_nearest", None),
            n_nodes=n_nodes,
            degree=degree,
            n_graphs=n_graphs,
            parts=parts,
            dtype=self.dtype,
        )

    def require_species(self, crystal: Crystal) -> None:
        """Raises ValueError if the crystal has an element that the model lacks."""
        unknown = sorted(set(np.asarray(crystal.numbers).tolist()) - set(self.species))
        if unknown:
            raise ValueError(
                f"the predictor knows {len(self.species)} elements; the crystal holds "
                f"{', '.join(symbols(tuple(unknown)))}, which are not among them: "
                "choose another predictor"
            )

    def values(self, graph: Graph) -> Float[Array, "graphs properties"]:
        """Properties of every crystal of a graph, in :attr:`units`; 0 for padding."""
        outputs = self.model.apply({"params": self.params}, graph)
        powers = jnp.where(jnp.asarray(self.logarithmic), outputs, 0)
        values = jnp.where(jnp.asarray(self.logarithmic), 10**powers, outputs)
        return jnp.where(graph.graph_mask[:, None], values, 0)

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of the properties."""
        return self.model.properties

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers the model knows."""
        return self.model.species

    @property
    def dtype(self) -> jnp.dtype:
        """Precision of the parameters, in which everything is computed."""
        return jnp.result_type(*jax.tree.leaves(self.params))

    def astype(self, dtype: DTypeLike) -> PropertyPredictor:
        """The same predictor in another precision."""
        return self.replace(
            params=jax.tree.map(lambda x: jnp.asarray(x, dtype), self.params)
        )


_values = jax.jit(PropertyPredictor.values)
