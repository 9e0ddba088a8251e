"""The crystal core: everything here is a pure function of crystals and graphs.

crystal        atomic numbers, fractional coordinates, cell, periodicity
neighbors      neighbour lists on the host
graph          padded periodic graphs; gather, scatter, edge vectors, triplets
bloch          derivative rules for perturbations of wave vector q
batch          from crystals to graphs of bucketed sizes
"""

from matjax.crystals.batch import bucket as bucket
from matjax.crystals.batch import build_graph as build_graph
from matjax.crystals.crystal import Crystal as Crystal
from matjax.crystals.graph import Graph as Graph
from matjax.crystals.graph import Triplets as Triplets
from matjax.crystals.graph import triplets as triplets
from matjax.crystals.neighbors import Neighbors as Neighbors
from matjax.crystals.neighbors import neighbors as neighbors
