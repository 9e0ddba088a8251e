"""Periodic graphs: what models see of crystals, and the operators between them.

neighbor_list     neighbor lists under jit, updated as atoms and cells move
bins              bins that a neighbor list sorts atoms into
graph             padded periodic graphs; gather, scatter, edge vectors
pooling           means over crystals, shares of edges and atoms
edge_pairs        pairs of edges that meet at an atom
subgraphs         shorter and reversed edges, edges to own images, all pairs
reciprocal_space  structure factors, filters and waves
bloch             derivative rules for perturbations of wave vector q
shells            the n nearest neighbors, whole shells of them
shapes            few shapes for many crystals
padding           from crystals to graphs of bucketed sizes
"""

from matjax.graphs.edge_pairs import Triplets as Triplets
from matjax.graphs.edge_pairs import triplets as triplets
from matjax.graphs.graph import Graph as Graph
from matjax.graphs.neighbor_list import NeighborList as NeighborList
from matjax.graphs.neighbor_list import allocate_neighbor_list as allocate_neighbor_list
from matjax.graphs.neighbor_list import (
    allocate_neighbor_lists as allocate_neighbor_lists,
)
from matjax.graphs.neighbor_list import empty_neighbor_list as empty_neighbor_list
from matjax.graphs.neighbor_list import update_neighbor_list as update_neighbor_list
from matjax.graphs.padding import Edges as Edges
from matjax.graphs.padding import Shape as Shape
from matjax.graphs.padding import bucket as bucket
from matjax.graphs.padding import build_graph as build_graph
from matjax.graphs.padding import find_edges as find_edges
from matjax.graphs.padding import pad_crystals as pad_crystals
from matjax.graphs.reciprocal_space import integer_wave_vectors as integer_wave_vectors
from matjax.graphs.shapes import Policy as Policy
from matjax.graphs.shapes import Shapes as Shapes
from matjax.graphs.shapes import batch_size as batch_size
from matjax.graphs.shapes import batch_slots as batch_slots
from matjax.graphs.shapes import bucket_sizes as bucket_sizes
from matjax.graphs.shapes import grouped_by_shape as grouped_by_shape
from matjax.graphs.shapes import require_policy as require_policy
from matjax.graphs.shapes import standard_reach as standard_reach
from matjax.graphs.shapes import standard_shape as standard_shape
from matjax.graphs.shells import nearest_neighbors as nearest_neighbors
from matjax.graphs.shells import neighbor_weights as neighbor_weights
from matjax.graphs.shells import shell_weights as shell_weights
from matjax.graphs.subgraphs import Reverse as Reverse
from matjax.graphs.subgraphs import Subgraph as Subgraph
from matjax.graphs.subgraphs import all_pairs as all_pairs
from matjax.graphs.subgraphs import gather_reverse as gather_reverse
from matjax.graphs.subgraphs import nearest as nearest
from matjax.graphs.subgraphs import reverse as reverse
from matjax.graphs.subgraphs import self_edges as self_edges
from matjax.graphs.subgraphs import within as within
