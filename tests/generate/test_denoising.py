"""Losses of denoisers: what training sees, and from what its noise follows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.data import Dataset, Example, LabeledGraphs, Share, in_order, numbered
from matjax.generate import (
    DenoiserModel,
    denoiser,
    denoising_labels,
    denoising_losses,
)
from matjax.generate.processes import CellFlow, ElementAbsorbing, TorusFlow
from matjax.models import make_model
from matjax.predictors import initial_parameters
from matjax.train import Term, make_evaluation, total
from tests.generate import toys
from tests.generate.processes.test_joint import CRYSTAL, state_of

PROCESS = toys.joint(fractional=TorusFlow(), cell=CellFlow())
MODEL = make_model(
    {"name": "diffcsp", "features": 8, "layers": 1, "frequencies": 2, "times": 3},
    "denoiser",
    species=(5, 6, 7),
)


@pytest.fixture(scope="module")
def params():
    return initial_parameters(MODEL)


def batch_of(n_parts, number=0):
    names = [label.name for label in denoising_labels(PROCESS).values()]
    zeros = {names[0]: np.zeros(3), names[1]: 0.0}
    examples = tuple(
        Example(CRYSTAL, {"example": float(k), **zeros}, f"#{k}") for k in range(2)
    )
    labels = [*denoising_labels(PROCESS).values(), "example"]
    graphs = LabeledGraphs(Dataset(examples, "two", "two"), 0.0, labels=labels)
    batches = in_order(graphs, batch_size=2, share=Share(n_shards=n_parts))
    return numbered(next(iter(batches))[1], number)


def losses(params, batch, seed=0):
    predict = denoising_losses(MODEL, PROCESS, seed=seed)
    return jax.jit(jax.vmap(predict, (None, 0)))(params, batch)


def test_networks_keep_the_protocol():
    assert isinstance(MODEL, DenoiserModel)
    assert isinstance(
        make_model({"name": "denoiser"}, "denoiser", species=(5,)), DenoiserModel
    )


@pytest.mark.slow
def test_a_network_sees_the_state_and_its_times(params):
    state = state_of(PROCESS)
    denoise = denoiser(MODEL, params, PROCESS)
    early, late = (denoise(state, jnp.full(3, t)) for t in (0.1, 0.9))
    assert early.fractional.shape == (4, 3)
    assert early.cell.shape == (1, 6)
    assert np.abs(early.cell - late.cell).max() > 1e-4


def test_losses_are_of_the_parts_that_have_a_process(params):
    assert {x.name for x in denoising_labels(PROCESS).values()} == {
        "fractional_loss",
        "cell_loss",
    }
    elements = toys.joint(elements=ElementAbsorbing(3))
    assert list(denoising_labels(elements)) == ["elements"]
    assert set(losses(params, batch_of(2))) == {"fractional_loss", "cell_loss"}


def test_a_share_of_examples_has_its_elements_given_and_no_loss_of_them(params):
    shares = {}
    for share in (0.0, 0.3):
        process = toys.joint(
            fractional=TorusFlow(), elements=ElementAbsorbing(3), given_share=share
        )
        predict = denoising_losses(MODEL, process)
        run = jax.jit(jax.vmap(predict, (None, 0)))
        batches = [run(params, batch_of(2, number=k)) for k in range(40)]
        lost = np.array([b["elements_loss"] for b in batches]).sum(-1) > 1e-9
        shares[share] = lost.mean()
        moved = np.array([b["fractional_loss"] for b in batches]).sum(-1)
        assert (moved > 0).all()
    # 80 draws each: twice the standard deviation is 0.1.
    assert_allclose(shares[0.3] / shares[0.0], 0.7, atol=0.15)


def test_noise_follows_from_step_and_example_and_seed(params):
    batch = batch_of(2)
    first = losses(params, batch)["cell_loss"]
    assert_allclose(losses(params, batch)["cell_loss"], first, rtol=0)
    assert abs(float(first[0, 0] - first[1, 0])) > 1e-3
    later = losses(params, batch_of(2, number=1))["cell_loss"]
    assert np.abs(later - first).min() > 1e-3
    other = losses(params, batch, seed=1)["cell_loss"]
    assert np.abs(other - first).min() > 1e-3


def test_terms_of_a_loss_take_the_losses_as_they_are(params):
    batch = batch_of(2)
    terms = [Term(label, 1.0) for label in denoising_labels(PROCESS).values()]
    predict = denoising_losses(MODEL, PROCESS)
    sums = jax.jit(make_evaluation(predict, terms))(params, batch)
    rows = losses(params, batch)
    expected = rows["cell_loss"].mean() + rows["fractional_loss"].sum() / 6
    assert_allclose(total(terms, sums), expected, rtol=1e-6)
