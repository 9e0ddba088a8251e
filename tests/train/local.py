"""A small network of tensors of atoms and a spectrum, and labels that it can learn."""

import e3nn_jax as e3nn
import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from matjax.crystals import Crystal, neighbors
from matjax.data import Dataset, Example
from matjax.nn import (
    TensorReadout,
    convolve,
    edge_basis,
    gaussian_basis,
    tensor_product_paths,
)
from matjax.predictors import Label

CUTOFF = 4.0
CENTERS = np.arange(2.0, 4.0, 0.25)
TENSOR = Label("crowding", "atom", (3, 3), "Å²")
SPECTRUM = Label("distances", "spectrum", (len(CENTERS),), "1/Å")
LABELS = (TENSOR, SPECTRUM)


class Local(nn.Module):
    """Harmonics of the neighbors, summed; a tensor of each atom, a spectrum of all."""

    species: tuple[int, ...] = (14,)
    properties: tuple[str, ...] = ("crowding", "distances")
    cutoff: float = CUTOFF
    scale: float = 1.0

    @nn.compact
    def __call__(self, graph):
        """The tensor and the spectrum."""
        basis = edge_basis(graph, 2, lambda r: gaussian_basis(r, 0.25, CUTOFF))
        ones = e3nn.IrrepsArray("1x0e", jnp.ones((graph.n_nodes, 1), graph.cell.dtype))
        wanted = e3nn.Irreps("0e + 2e")
        paths = tensor_product_paths(ones.irreps, basis.harmonics.irreps, wanted)
        weights = self.param(
            "radial", nn.initializers.normal(0.1), (basis.radial.shape[1], len(paths))
        )
        sums = convolve(graph, ones, basis, paths=paths, weigh=lambda b: b @ weights)
        tensors = TensorReadout("ij=ji", name="tensor")(sums)
        r = jnp.linalg.norm(graph.edge_vectors(), axis=-1)
        near = graph.pool(graph.scatter(gaussian_basis(r, 0.25, CUTOFF)))
        spectrum = nn.Dense(len(CENTERS), name="spectrum")(near)
        return {"crowding": tensors, "distances": spectrum}


def example(seed):
    """Silicon atoms at random; exact labels by NumPy."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 5))
    cell = 4.5 * np.eye(3) + rng.normal(scale=0.3, size=(3, 3))
    grid = np.stack(np.meshgrid(*[[0, 0.5]] * 3), axis=-1).reshape(-1, 3)
    fractional = grid[rng.permutation(8)[:n]] + rng.normal(scale=0.03, size=(n, 3))
    crystal = Crystal.create([14] * n, cell, fractional=fractional)
    return Example(crystal=crystal, labels=labels_of(crystal), source=f"#{seed}")


def labels_of(crystal):
    edges = neighbors(crystal, CUTOFF)
    x = crystal.positions
    vectors = x[edges.senders] + edges.shifts @ crystal.cell - x[edges.receivers]
    r = np.linalg.norm(vectors, axis=1)
    outer = vectors[:, :, None] * vectors[:, None, :] * np.exp(-r)[:, None, None]
    tensors = np.zeros((crystal.n_atoms, 3, 3))
    np.add.at(tensors, edges.receivers, outer)
    lines = np.exp(-(((r[:, None] - CENTERS) / 0.25) ** 2)).sum(axis=0)
    return {"crowding": tensors, "distances": lines / crystal.n_atoms}


def dataset(seeds):
    return Dataset(tuple(example(s) for s in seeds), name="local", fingerprint="0")
