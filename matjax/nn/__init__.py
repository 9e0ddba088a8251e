"""Parts of networks: pure functions and small Flax modules, no whole models.

radial         bases of the edge length, envelopes
norms          norms of features, row by row
embedding      elements as inputs, one on each atom or mixed
readout        properties by name from features of crystals
continuous_filters    messages of SchNet
reciprocal_messages   messages through reciprocal space, beside others
reduced_cells  short lattice vectors under jit
lattice_sums   pair potentials summed over all images
mlp            multilayer perceptrons as bound pure functions
equivariant    tensor-product convolution, gate, norm
interaction    species, edges, sums over neighbors, energies of equivariant networks
conditions     conditions as inputs, through adapters
density        crystals brought to one density
directional    invariant messages along edges, with angles
latent         latents of variational networks
times          times of a process as inputs
perceptron     perceptrons with biases, plain and gated
set2set        a set of vectors read by an LSTM
spherical_bessel     radial functions that vanish at a cutoff
three_body     messages along edges that know the others at their atom
tensors        Cartesian tensors from equivariant features
symmetric_contraction    symmetric powers of node features, weighted by element
e3nn           e3nn-jax, imported when it is used
bloch_convolution    the convolution's response at a wave vector
bloch_geometry       what of it no displacement enters
"""

from matjax.nn.conditions import ADAPTER as ADAPTER
from matjax.nn.conditions import CHEMICAL_SYSTEM as CHEMICAL_SYSTEM
from matjax.nn.conditions import Adapter as Adapter
from matjax.nn.conditions import condition_slices as condition_slices
from matjax.nn.continuous_filters import ContinuousFilters as ContinuousFilters
from matjax.nn.density import at_density as at_density
from matjax.nn.directional import DirectedEdges as DirectedEdges
from matjax.nn.directional import DirectionalNetwork as DirectionalNetwork
from matjax.nn.directional import EdgeForces as EdgeForces
from matjax.nn.directional import directed_edges as directed_edges
from matjax.nn.embedding import embedded_species as embedded_species
from matjax.nn.embedding import species_energies as species_energies
from matjax.nn.embedding import species_shares as species_shares
from matjax.nn.equivariant import EdgeBasis as EdgeBasis
from matjax.nn.equivariant import RMSNorm as RMSNorm
from matjax.nn.equivariant import convolve as convolve
from matjax.nn.equivariant import edge_basis as edge_basis
from matjax.nn.equivariant import gate as gate
from matjax.nn.equivariant import tensor_product_paths as tensor_product_paths
from matjax.nn.interaction import Inputs as Inputs
from matjax.nn.interaction import by_species as by_species
from matjax.nn.interaction import inputs_of as inputs_of
from matjax.nn.interaction import neighbor_sums as neighbor_sums
from matjax.nn.interaction import node_energies as node_energies
from matjax.nn.latent import Contents as Contents
from matjax.nn.latent import Gaussian as Gaussian
from matjax.nn.latent import GaussianHead as GaussianHead
from matjax.nn.latent import Head as Head
from matjax.nn.latent import LatentPrior as LatentPrior
from matjax.nn.latent import PriorKind as PriorKind
from matjax.nn.latent import divergence as divergence
from matjax.nn.lattice_sums import exponential_sums as exponential_sums
from matjax.nn.lattice_sums import power_sums as power_sums
from matjax.nn.mlp import MLP as MLP
from matjax.nn.norms import Affine as Affine
from matjax.nn.norms import FeatureNorm as FeatureNorm
from matjax.nn.norms import feature_norm as feature_norm
from matjax.nn.perceptron import GatedPerceptron as GatedPerceptron
from matjax.nn.perceptron import Perceptron as Perceptron
from matjax.nn.perceptron import shifted_softplus as shifted_softplus
from matjax.nn.radial import bessel_basis as bessel_basis
from matjax.nn.radial import cosine_envelope as cosine_envelope
from matjax.nn.radial import gaussian_basis as gaussian_basis
from matjax.nn.radial import polynomial_envelope as polynomial_envelope
from matjax.nn.radial import sine_basis as sine_basis
from matjax.nn.radial import spaced_gaussians as spaced_gaussians
from matjax.nn.radial import xplor_envelope as xplor_envelope
from matjax.nn.readout import property_readout as property_readout
from matjax.nn.reciprocal_messages import ReciprocalMessages as ReciprocalMessages
from matjax.nn.reduced_cells import reduction as reduction
from matjax.nn.set2set import Set2Set as Set2Set
from matjax.nn.spherical_bessel import smooth_bessel_basis as smooth_bessel_basis
from matjax.nn.spherical_bessel import spherical_bessel_basis as spherical_bessel_basis
from matjax.nn.symmetric_contraction import SymmetricContraction as SymmetricContraction
from matjax.nn.tensors import TensorReadout as TensorReadout
from matjax.nn.tensors import tensor_basis as tensor_basis
from matjax.nn.three_body import three_body_features as three_body_features
from matjax.nn.times import embedded_times as embedded_times
