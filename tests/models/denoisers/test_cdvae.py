"""CDVAE: the symmetries that the paper claims, and the one that it does not have."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.models.denoisers.cdvae import CDVAE
from matjax.nn import Contents
from tests.models.denoisers import latents, symmetries

MODEL = CDVAE(**latents.SMALL, label="gap", scale=2.0, shift=1.0)


@pytest.fixture(scope="module")
def params():
    return symmetries.parameters(MODEL)


def apply(model, params, *arguments, method):
    return model.apply({"params": params}, *arguments, method=method)


def test_outputs_and_latents_have_the_symmetries_of_crystals(params):
    latents.assert_symmetric(MODEL, params)


@pytest.mark.slow
def test_supercells_and_padding_change_nothing(params):
    latents.assert_supercell_and_padding(MODEL, params)


def test_targets_change_when_noise_moves_all_atoms_alike(params):
    """The loss is not free of translations: what the paper of SyMat holds against."""
    moves = 0.1 * np.random.default_rng(0).normal(size=(3, 3))
    alike = np.array([0.2, -0.1, 0.3])
    one = latents.displaced(MODEL, params, moves)
    other = latents.displaced(MODEL, params, moves + alike)
    assert_allclose(other - one, np.tile(alike, (3, 1)), rtol=1e-12)


def test_a_latent_tells_number_composition_cell_and_property(params):
    z = latents.latent(MODEL)
    read = apply(MODEL, params, z, method="read")
    assert int(read.n_atoms[0]) in MODEL.sizes
    assert_allclose(read.shares.sum(), 1, rtol=1e-12)
    assert read.cell.shape == (1, 6)
    # What is read agrees with itself but for the entropies.
    losses = apply(MODEL, params, z, read, method="read_losses")
    assert set(losses) == {"cell", "n_atoms", "composition", "property"}
    assert_allclose([losses["cell"], losses["property"]], 0, atol=1e-12)
    shares = np.asarray(read.shares)
    entropy = -np.sum(shares * np.log(shares))
    assert_allclose(losses["composition"], entropy, rtol=1e-9)


def test_losses_of_what_is_read_are_cross_entropies_and_squares(params):
    z = latents.latent(MODEL)
    read = apply(MODEL, params, z, method="read")
    true = Contents(
        jnp.array([3]), jnp.array([[0.0, 1.0]]), read.cell + 0.5, read.value
    )
    true = true._replace(value=read.value + 4)
    losses = apply(MODEL, params, z, true, method="read_losses")
    assert_allclose(losses["cell"], 0.25, rtol=1e-9)
    assert_allclose(losses["property"], 4, rtol=1e-9)  # (4 / scale)²
    assert_allclose(losses["composition"], -np.log(read.shares[:, 1]), rtol=1e-9)


def test_weights_are_the_published_ones_of_what_the_network_has():
    terms = {"fractional": 10, "cell": 10, "divergence": 0.01, "elements": 1}
    terms |= {"n_atoms": 1, "composition": 1}
    assert MODEL.terms == terms | {"property": 1}
    told = MODEL.copy(prior="gaussian", told=("composition",), label="")
    assert told.terms == {"fractional": 10, "cell": 10, "divergence": 0.01}
    assert told.needs["elements"] == "given"
    con = MODEL.copy(prior="diffusion", told=("property",))
    assert con.terms["prior"] == 1
