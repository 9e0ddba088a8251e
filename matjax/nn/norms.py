"""Norms of node and edge features, none of which looks at other rows.

Batch normalization would: over padding, and over the crystals that happen to share a
batch. At inference it is a fixed scale and offset of each feature.
"""

from __future__ import annotations

from typing import Literal

import flax.linen as nn

from matjax.arrays import Array, Float

FeatureNorm = Literal["layer", "affine"]
"""Each row over its features, or a learned scale and offset of each feature."""


class Affine(nn.Module):
    """A scale and an offset of each feature: batch normalization at inference."""

    @nn.compact
    def __call__(self, x: Float[Array, "... features"]) -> Float[Array, "... features"]:
        """The input, scaled and moved."""
        scale = self.param("scale", nn.initializers.ones, x.shape[-1:])
        bias = self.param("bias", nn.initializers.zeros, x.shape[-1:])
        return x * scale + bias


def feature_norm(norm: FeatureNorm, *, name: str) -> nn.Module:
    """The norm as a Flax module of this name."""
    return nn.LayerNorm(name=name) if norm == "layer" else Affine(name=name)
