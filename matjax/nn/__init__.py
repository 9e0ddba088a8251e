"""Parts of networks: pure functions and small Flax modules, no whole models.

radial         bases of the edge length, envelopes
mlp            multilayer perceptrons as bound pure functions
equivariant    tensor-product convolution, gate, norm
symmetric_contraction    symmetric powers of node features, weighted by element
bloch_convolution    the convolution's response at a wave vector
bloch_geometry       what of it no displacement enters
"""

from matjax.nn.equivariant import EdgeBasis as EdgeBasis
from matjax.nn.equivariant import RMSNorm as RMSNorm
from matjax.nn.equivariant import convolve as convolve
from matjax.nn.equivariant import edge_basis as edge_basis
from matjax.nn.equivariant import gate as gate
from matjax.nn.equivariant import tensor_product_paths as tensor_product_paths
from matjax.nn.mlp import MLP as MLP
from matjax.nn.radial import bessel_basis as bessel_basis
from matjax.nn.radial import polynomial_envelope as polynomial_envelope
from matjax.nn.symmetric_contraction import SymmetricContraction as SymmetricContraction
