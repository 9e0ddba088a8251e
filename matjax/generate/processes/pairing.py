"""Noise dealt out among atoms of one kind, so that their ways to the data are short.

Atoms of one element have no names: noise may go to any of them. Ways that cross less
are easier to learn and straighter to follow. Sources: Klein et al., NeurIPS 2023 (arXiv
2306.15030); Song et al., NeurIPS 2023 (arXiv 2312.07168); on crystals Höllmer et al.,
ICML 2025 (arXiv 2502.02582).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Bool, Float, Int
from matjax.generate.processes.protocol import masked
from matjax.generate.processes.torus import wrap

PASSES = 3
"""Times that every pair of atoms is asked; with 20 atoms of one kind the sum of squares
is then a tenth larger than that of the best assignment, in the mean."""


def paired(
    end: Float[Array, "rows 3"],
    clean: Float[Array, "rows 3"],
    mask: Bool[Array, "rows"],
    kinds: Int[Array, "rows"],
) -> Float[Array, "rows 3"]:
    """Ends in an order in which the ways to them are short, each kind by itself.

    Two atoms of a kind exchange their ends where that lowers the sum of the squared
    distances on the torus, translations of the whole taken out, until every pair was
    asked :data:`PASSES` times: O(rows²) in time.

    Args:
        end: coordinates of the noise, in units of the cell.
        clean: coordinates of the data.
        mask: rows that are atoms.
        kinds: of each atom; only atoms of one kind exchange.
    """
    n = len(clean)
    partners = jnp.asarray(_rounds(n))
    kinds = jnp.where(mask, kinds, -1)

    def one_round(end: Array, partner: Array) -> tuple[Array, None]:
        other = end[partner]
        gain = _square(end - data) - _square(other - data)
        gains = (gain + gain[partner] > 0) & (kinds == kinds[partner]) & mask
        return jnp.where(gains[:, None], other, end), None

    for _ in range(PASSES):
        data = clean + circular_mean(end - clean, mask)
        end, _ = jax.lax.scan(one_round, end, partners)
    return masked(mask, end)


def circular_mean(
    x: Float[Array, "rows 3"], mask: Bool[Array, "rows"]
) -> Float[Array, "3"]:
    """Mean of coordinates on the torus: the angle of the sum of their unit vectors."""
    angles = 2 * jnp.pi * x
    sums = [masked(mask, f(angles)).sum(axis=0) for f in (jnp.sin, jnp.cos)]
    return jnp.arctan2(*sums) / (2 * jnp.pi)


def _square(x: Float[Array, "rows 3"]) -> Float[Array, "rows"]:
    return jnp.square(wrap(x)).sum(axis=-1)


def _rounds(n: int) -> np.ndarray:
    """Partners in each round of a tournament in which all meet, (rounds, n).

    The circle method: one stays, the others turn. Of an odd number one is its own
    partner.
    """
    size = n + n % 2
    rounds = np.tile(np.arange(n), (size - 1, 1))
    turning = np.arange(1, size)
    for row in rounds:
        order = np.concatenate([[0], turning])
        for a, b in zip(order[: size // 2], order[::-1], strict=False):
            if max(a, b) < n:
                row[a], row[b] = b, a
        turning = np.roll(turning, 1)
    return rounds.astype(np.int32)
