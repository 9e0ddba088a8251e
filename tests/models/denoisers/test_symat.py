"""SyMat: networks and targets that no rigid motion of the crystal changes."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.models.denoisers.symat import SyMat, likeliest
from matjax.nn import Contents
from tests.models.denoisers import latents, symmetries

MODEL = SyMat(**latents.SMALL)


@pytest.fixture(scope="module")
def params():
    return symmetries.parameters(MODEL)


def apply(params, *arguments, method):
    return MODEL.apply({"params": params}, *arguments, method=method)


@pytest.mark.slow
def test_outputs_and_latents_have_the_symmetries_of_crystals(params):
    latents.assert_symmetric(MODEL, params)


@pytest.mark.slow
def test_supercells_and_padding_change_nothing(params):
    latents.assert_supercell_and_padding(MODEL, params)


def test_targets_do_not_change_when_noise_moves_all_atoms_alike(params):
    moves = 0.1 * np.random.default_rng(0).normal(size=(3, 3))
    one = latents.displaced(MODEL, params, moves)
    other = latents.displaced(MODEL, params, moves + np.array([0.2, -0.1, 0.3]))
    assert_allclose(other, one, atol=1e-12)
    alike = latents.displaced(MODEL, params, np.tile([0.2, -0.1, 0.3], (3, 1)))
    assert_allclose(alike, 0, atol=1e-12)


def test_targets_lead_back_along_displacements(params):
    """Of one atom that moves among others all around it, nearly the way itself."""
    moves = np.zeros((3, 3))
    moves[0] = [0.02, -0.03, 0.01]
    model = MODEL.copy(cutoff=9.0)  # some 200 neighbors
    found = latents.displaced(model, params, moves)
    # Sums over a lattice are not quite isotropic; the others move by a part of it.
    assert_allclose(found[0], moves[0], atol=0.3 * np.linalg.norm(moves))
    assert np.linalg.norm(found[1:], axis=1).max() < np.linalg.norm(moves[0])


def test_a_latent_tells_whole_numbers_of_atoms_and_the_cell(params):
    for seed in range(5):
        read = apply(params, latents.latent(MODEL, seed), method="read")
        n_atoms = int(read.n_atoms[0])
        assert 1 <= n_atoms <= max(MODEL.sizes)
        counts = np.asarray(read.shares[0]) * n_atoms
        assert_allclose(counts, np.rint(counts), atol=1e-12)
        assert_allclose(counts.sum(), n_atoms, rtol=1e-12)


def test_parts_of_a_latent_tell_what_is_theirs(params):
    z = latents.latent(MODEL)
    read = apply(params, z, method="read")
    moved = apply(params, z.at[:, 8:].add(1.0), method="read")  # that of the cell
    assert np.abs(moved.cell - read.cell).max() > 1e-3
    assert_allclose(moved.shares, read.shares)
    moved = apply(params, z.at[:, :8].add(1.0), method="read")
    assert_allclose(moved.cell, read.cell)


def test_losses_of_what_is_read_are_those_of_kinds_elements_and_counts(params):
    z = latents.latent(MODEL)
    true = Contents(
        jnp.array([3]), jnp.array([[1 / 3, 2 / 3]]), jnp.zeros((1, 6)), jnp.zeros(1)
    )
    losses = apply(params, z, true, method="read_losses")
    assert set(losses) == {"cell", "kinds", "species", "counts"}
    of_elements = z[:, :4]
    bound = MODEL.bind({"params": params})
    logits = np.asarray(bound.head_species(of_elements))[0]
    assert_allclose(losses["species"][0], np.mean(np.log1p(np.exp(-logits))), rtol=1e-9)
    each = np.asarray(bound._count_logits(of_elements))[0]
    logs = each - np.log(np.exp(each).sum(axis=1, keepdims=True))
    assert_allclose(losses["counts"][0], -(logs[0, 0] + logs[1, 1]) / 2, rtol=1e-9)
    kinds = np.asarray(bound.head_kinds(of_elements))[0]
    expected = np.log(np.exp(kinds).sum()) - kinds[1]
    assert_allclose(losses["kinds"][0], expected, rtol=1e-9)


def test_the_likeliest_species_are_taken_while_there_is_room():
    logits = jnp.array([[0.1, 3.0, -1.0, 2.0]])
    counts = jnp.array([[2, 1, 4, 3]])
    take = lambda kinds, most: np.asarray(
        likeliest(logits, jnp.array([kinds]), counts, most)
    )[0].tolist()
    assert take(1, 9) == [0, 1, 0, 0]
    assert take(3, 9) == [2, 1, 0, 3]
    assert take(3, 5) == [0, 1, 0, 3]
