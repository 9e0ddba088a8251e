"""MatterGen: the denoiser's symmetries with conditions, adapters that begin at 0."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.graphs import build_graph
from matjax.models.denoisers.denoiser import Denoiser
from matjax.models.denoisers.mattergen import MatterGen
from matjax.nn import ADAPTER
from tests.models.denoisers import symmetries
from tests.models.denoisers.test_denoiser import MODEL as BASE
from tests.models.denoisers.test_denoiser import SAME, real

SETTINGS = {f.name: getattr(BASE, f.name) for f in dataclasses.fields(Denoiser)}
MODEL = MatterGen(
    **{k: v for k, v in SETTINGS.items() if k not in ("parent", "name")},
    conditions=("gap", "chemical_system"),
    centers=(2.0, 0.0),
    widths=(0.5, 1.0),
    adapter=4,
)
ASKED = jnp.array([[2.6, 1.0, 0.0]])
OPEN = jnp.full((1, 3), jnp.nan)


@pytest.fixture(scope="module")
def untrained():
    return symmetries.parameters(MODEL)


@pytest.fixture(scope="module")
def params(untrained):
    """Parameters whose adapters say something."""
    rng = np.random.default_rng(0)

    def moved(path, x):
        of_adapter = path[0].key.startswith(ADAPTER)
        return x + rng.normal(size=x.shape) if of_adapter else x

    return jax.tree_util.tree_map_with_path(moved, untrained)


@jax.jit
def _apply(params, graph, conditions):
    return MODEL.apply({"params": params}, graph, symmetries.TIMES, conditions)


def outputs(params, crystal, conditions):
    graph = build_graph(crystal, MODEL.cutoff)
    return jax.device_get(_apply(params, graph, conditions))


@pytest.fixture(scope="module")
def here(params):
    return outputs(params, symmetries.CRYSTAL, ASKED)


def test_untrained_or_open_it_is_the_denoiser_of_the_same_parameters(untrained, params):
    base = {k: v for k, v in untrained.items() if not k.startswith(ADAPTER)}
    expected = real(symmetries.outputs(BASE, base, symmetries.CRYSTAL))
    for p, conditions in ((untrained, ASKED), (params, OPEN)):
        found = real(outputs(p, symmetries.CRYSTAL, conditions))
        for a, b in zip(found, expected, strict=True):
            assert_allclose(a, b, **SAME)


def test_each_condition_counts_unless_it_is_left_open(params, here):
    for column in range(3):
        changed = outputs(params, symmetries.CRYSTAL, ASKED.at[0, column].add(-0.5))
        assert np.abs(changed["elements"] - here["elements"])[:3].max() > 1e-4
    # Of a condition with several columns one open column opens all.
    some = outputs(params, symmetries.CRYSTAL, ASKED.at[0, 2].set(jnp.nan))
    gap = outputs(params, symmetries.CRYSTAL, ASKED.at[0, 1:].set(jnp.nan))
    assert_allclose(some["elements"], gap["elements"], **SAME)


def test_rotations_and_translations_act_as_on_the_denoiser(params, here):
    turn = symmetries.rotation()
    there = outputs(params, symmetries.rotated(turn), ASKED)
    assert_allclose(there["fractional"][:3], here["fractional"][:3], **SAME)
    assert_allclose(there["elements"][:3], here["elements"][:3], **SAME)
    assert_allclose(there["cell"][0], turn.T @ here["cell"][0] @ turn, **SAME)
    moved = outputs(params, symmetries.translated(), ASKED)
    for a, b in zip(real(moved), real(here), strict=True):
        assert_allclose(a, b, **SAME)


def test_permutations_and_another_cell_act_as_on_the_denoiser(params, here):
    order, crystal = symmetries.permuted()
    there = outputs(params, crystal, ASKED)
    assert_allclose(there["fractional"][:3], here["fractional"][order], **SAME)
    assert_allclose(there["elements"][:3], here["elements"][order], **SAME)
    matrix, crystal = symmetries.recut()
    there = outputs(params, crystal, ASKED)
    assert_allclose(there["fractional"][:3] @ matrix, here["fractional"][:3], **SAME)
    assert_allclose(there["cell"], here["cell"], **SAME)
