"""What potentials and property networks have in common: a model with its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax.typing import DTypeLike

from matjax.compilation import remembered_shapes
from matjax.crystals import Crystal
from matjax.elements import symbols
from matjax.graphs import Graph, build_graph

Some = TypeVar("Some", bound="Network")


@runtime_checkable
class Model(Protocol):
    """What a network must offer: a Flax module of a graph, with two attributes.

    A network that keeps only some neighbors of each atom says how many by an attribute
    ``n_nearest``.
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


class Network(struct.PyTreeNode):
    """A model with its parameters, which are the leaves of the pytree."""

    NOUN: ClassVar[str] = "network"
    """What errors call it."""

    params: Any
    model: Any = struct.field(pytree_node=False)

    @property
    def cutoff(self) -> float:
        """Interaction radius, Å."""
        return self.model.cutoff

    @property
    def n_nearest(self) -> int | None:
        """Places for neighbors of each atom; None for all within the cutoff."""
        return getattr(self.model, "n_nearest", None)

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers the model knows."""
        return self.model.species

    @property
    def dtype(self) -> jnp.dtype:
        """Precision of the parameters, in which everything is computed."""
        return jnp.result_type(*jax.tree.leaves(self.params))

    def astype(self: Some, dtype: DTypeLike) -> Some:
        """The same network in another precision."""
        return self.replace(
            params=jax.tree.map(lambda x: jnp.asarray(x, dtype), self.params)
        )

    def apply(self, graph: Graph) -> Any:
        """What the model returns for a graph."""
        return self.model.apply({"params": self.params}, graph)

    def graph(
        self,
        crystals: Crystal | Sequence[Crystal],
        *,
        n_nodes: int | None = None,
        degree: int | None = None,
        n_graphs: int | None = None,
        parts: int = 8,
    ) -> Graph:
        """Graph of crystals at the model's cutoff and precision, checked.

        Args:
            crystals: with concrete arrays.
            n_nodes: nodes with padding; see :func:`matjax.graphs.build_graph`.
            degree: edge slots of each node; likewise.
            n_graphs: graphs with padding; likewise.
            parts: parts of a power of two, for sizes not given; likewise.

        Raises:
            ValueError: if the model does not know an element of a crystal.
        """
        crystals = [crystals] if isinstance(crystals, Crystal) else list(crystals)
        for crystal in crystals:
            self.require_species(crystal)
        return build_graph(
            crystals,
            self.cutoff,
            n_nearest=self.n_nearest,
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
                f"the {self.NOUN} knows {_listed(self.species)}; the crystal holds "
                f"{_listed(tuple(unknown))}: choose another {self.NOUN}"
            )


def stacked(each: Sequence[Any]) -> Any:
    """Trees of equal structure as one, their arrays along a new first axis."""
    return jax.tree.map(lambda *x: jnp.stack(x), *each)


def initial_parameters(model: Model, seed: int = 0) -> Any:
    """Parameters of a model before any training."""
    return jax.jit(model.init)(jax.random.key(seed), probe(model))["params"]


def parameter_shapes(model: Model) -> dict[str, Any]:
    """Tree of the shapes of a model's parameters, without computing anything."""

    def initial() -> dict[str, Any]:
        return model.init(jax.random.key(0), probe(model))["params"]

    return remembered_shapes(initial, model)


def probe(model: Model, *, n_nodes: int = 1, n_graphs: int = 1) -> Graph:
    """A graph of one atom, on which a model's parameters are initialised."""
    atom = Crystal.create([model.species[0]], np.eye(3) * 10, fractional=[[0, 0, 0]])
    return build_graph(atom, 1.0, n_nodes=n_nodes, n_graphs=n_graphs)


def _listed(numbers: tuple[int, ...]) -> str:
    named = symbols(numbers)
    if len(named) <= 12:
        return ", ".join(named)
    return f"{', '.join(named[:6])} … {named[-1]} ({len(named)} elements)"
