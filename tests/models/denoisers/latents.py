"""Small variational networks and what they say of a crystal with a given latent."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from matjax.graphs import build_graph
from matjax.nn import Contents
from tests.models.denoisers import symmetries

VOLUME = float(np.linalg.det(symmetries.CELL)) / 3
SMALL = {
    "species": (5, 7),
    "sizes": (2, 3),
    "cutoff": 4.5,
    "features": 8,
    "layers": 2,
    "channels": 3,
    "basis": 3,
    "latent": 4,
    "width": 6,
    "times": 3,
    "volume": VOLUME,
    "spread": 0.1,
}
SAME = {"rtol": 1e-8, "atol": 1e-9}  # round-off in sums of other order


def latent(model, seed=1):
    return jax.random.normal(jax.random.key(seed), (1, model.n_latent))


def outputs(model, params, crystal, *, n_nodes=None):
    """Outputs for noisy crystals that have one latent."""
    graph = build_graph(crystal, model.cutoff, n_nodes=n_nodes)
    z = latent(model)
    found = jax.jit(model.apply)({"params": params}, graph, symmetries.TIMES, z)
    return jax.device_get(found)


def encoded(model, params, crystal, *, n_nodes=None):
    """Mean and logarithm of the variance of a crystal's latent."""
    graph = build_graph(crystal, model.cutoff, n_nodes=n_nodes)
    contents = Contents(
        jnp.array([3]), jnp.array([[1 / 3, 2 / 3]]), jnp.ones((1, 6)), jnp.zeros(1)
    )
    apply = jax.jit(model.apply, static_argnames="method")
    return apply({"params": params}, graph, contents, method="encode")


def assert_symmetric(model, params):
    """Vectors turn with the crystal; nothing else changes but the order of atoms."""
    here = outputs(model, params, symmetries.CRYSTAL)
    z = encoded(model, params, symmetries.CRYSTAL)
    assert np.std(here["fractional"][:3], axis=0).min() > 1e-5
    order, permuted = symmetries.permuted()
    turn = symmetries.rotation()
    _, recut = symmetries.recut()
    one = np.eye(3)
    for crystal, rows, matrix in (
        (symmetries.translated(), [0, 1, 2], one),
        (permuted, order, one),
        (symmetries.rotated(turn), [0, 1, 2], turn),
        (symmetries.rotated(-turn), [0, 1, 2], -turn),
        (recut, [0, 1, 2], one),
    ):
        there = outputs(model, params, crystal)
        expected = here["fractional"][rows] @ matrix
        assert_allclose(there["fractional"][:3], expected, **SAME)
        assert_allclose(there["elements"][:3], here["elements"][rows], **SAME)
        for a, b in zip(encoded(model, params, crystal), z, strict=True):
            assert_allclose(a, b, **SAME)


def assert_supercell_and_padding(model, params):
    """A supercell has the same latent, and each atom twice; padding changes nothing."""
    here = outputs(model, params, symmetries.CRYSTAL)
    z = encoded(model, params, symmetries.CRYSTAL)
    found = outputs(model, params, symmetries.doubled())["fractional"][:6]
    for vector in here["fractional"][:3]:
        assert np.sum(np.abs(found - vector).max(axis=1) < 1e-8) == 2
    assert_allclose(encoded(model, params, symmetries.doubled()).mean, z.mean, **SAME)
    padded = outputs(model, params, symmetries.CRYSTAL, n_nodes=6)
    assert_allclose(padded["fractional"][:3], here["fractional"][:3], **SAME)
    padded = encoded(model, params, symmetries.CRYSTAL, n_nodes=6)
    assert_allclose(padded.mean, z.mean, **SAME)


def displaced(model, params, moves):
    """The targets of networks for displacements of atoms back from noise."""
    graph = build_graph(symmetries.CRYSTAL, model.cutoff)
    rows = jnp.zeros((graph.n_nodes, 3)).at[:3].set(moves)
    apply = jax.jit(model.apply, static_argnames="method")
    return np.asarray(apply({"params": params}, graph, rows, method="target"))[:3]
