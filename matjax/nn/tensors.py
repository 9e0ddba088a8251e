"""Cartesian tensors from equivariant features: dielectric, elastic and others.

A tensor with index symmetries is a sum of irreps of the rotation group; a linear map
from features to these irreps is all the freedom that an equivariant readout has.
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false
# e3nn-jax takes and returns more than its annotations say.

from __future__ import annotations

from functools import cache

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from matjax.arrays import Array, Float
from matjax.nn.e3nn import e3nn


@cache
def tensor_basis(symmetry: str) -> tuple[e3nn.Irreps, np.ndarray]:
    """Irreps of the Cartesian tensors of a symmetry, and the tensor of each component.

    Args:
        symmetry: index permutations, such as ``ij`` (none), ``ij=ji`` (a dielectric
            tensor) or ``ijkl=jikl=klij`` (an elastic one).

    Returns:
        Irreps, and an orthonormal basis (components, 3, 3, ...).
    """
    first = symmetry.partition("=")[0]
    basis = e3nn.reduced_tensor_product_basis(symmetry, **{i: "1o" for i in first})
    return basis.irreps, np.moveaxis(np.asarray(basis.array, dtype=np.float64), -1, 0)


class TensorReadout(nn.Module):
    """Cartesian tensors (..., 3, 3, ...) linear in equivariant features.

    Attributes:
        symmetry: as :func:`tensor_basis` takes it.
    """

    symmetry: str = "ij=ji"

    @nn.compact
    def __call__(self, features: e3nn.IrrepsArray) -> Float[Array, "nodes ..."]:
        """Tensors of nodes, or of graphs whose features these are."""
        irreps, basis = tensor_basis(self.symmetry)
        linear = e3nn.flax.Linear(irreps, force_irreps_out=True, name="linear")
        components = linear(features).array
        return jnp.tensordot(components, jnp.asarray(basis, components.dtype), axes=1)
