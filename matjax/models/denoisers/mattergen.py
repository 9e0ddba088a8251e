"""MatterGen: joint denoising with adapters, through which conditions come in.

Source: Zeni et al., Nature 639, 624 (2025) (arXiv 2312.03687). Its adapters, its open
conditions and its fine-tuning with all else frozen stand on the equivariant layers of
:mod:`matjax.models.denoisers.denoiser`, where the paper has GemNet-T.
"""

# pyright: reportAttributeAccessIssue=false
# e3nn-jax takes and returns more than its annotations say.

from __future__ import annotations

import e3nn_jax as e3nn
import jax.numpy as jnp

from matjax.arrays import Array, Float
from matjax.graphs import Graph
from matjax.models.denoisers.denoiser import Denoiser
from matjax.nn import ADAPTER, Adapter, condition_slices


class MatterGen(Denoiser):
    """The equivariant denoiser with an adapter before each layer.

    | equation                                                        | code         |
    |-----------------------------------------------------------------|--------------|
    | h ← h + M f(c), nothing where c is left open; M = 0 at first    | ``Adapter``  |
    | s(x given c) + w (s(x given c) − s(x)), s(x) with c left open   | ``guided``   |

    Conditions are scalars of the crystal and come to scalars of the atoms: rotations,
    translations, permutations and the choice of the cell act as on the denoiser. With
    all conditions open, or untrained adapters, it is the denoiser of the same
    parameters.

    Attributes:
        conditions: names of what may be asked for: of scalar labels of the crystal, or
            ``chemical_system``.
        centers: of the conditions in the data; not used of the chemical system.
        widths: spreads of the conditions in the data.
        adapter: width of the adapters.
    """

    conditions: tuple[str, ...] = ()
    centers: tuple[float, ...] = ()
    widths: tuple[float, ...] = ()
    adapter: int = 64

    def adapted(
        self,
        graph: Graph,
        features: e3nn.IrrepsArray,
        conditions: Float[Array, "graphs conditions"] | None,
        number: int,
    ) -> e3nn.IrrepsArray:
        """Features before a layer, changed by the conditions."""
        if not self.conditions:
            return features
        slices = condition_slices(self.conditions, len(self.species))
        if conditions is None:
            n_columns = max(s.stop for s in slices.values())
            conditions = jnp.full((graph.n_graphs, n_columns), jnp.nan)
        spreads = zip(slices.values(), self.centers, self.widths, strict=True)
        for columns, center, width in spreads:
            scaled = (conditions[:, columns] - center) / width
            conditions = conditions.at[:, columns].set(scaled)
        adapter = Adapter(self.conditions, len(self.species), self.adapter)
        return adapter.copy(name=f"{ADAPTER}{number}")(graph, features, conditions)
