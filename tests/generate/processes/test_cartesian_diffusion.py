"""Wrapped normal noise of Cartesian coordinates."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.generate.processes import CartesianDiffusion
from tests.generate.processes import contract

CELL = jnp.array([[3.1, 0.4, 0.0], [-0.9, 3.6, 0.5], [0.1, 0.0, 4.2]])
PROCESS = CartesianDiffusion(cell=CELL)
CLEAN = jnp.array([[0.1, 0.5, 0.9], [0.3, 0.2, 0.7], [0.95, 0.05, 0.4], [0, 0, 0]])


def test_it_keeps_the_protocol():
    contract.assert_process(PROCESS, CLEAN, 3)
    contract.assert_trained_ideally(PROCESS, CLEAN, 3)


def test_steps_move_with_the_crystal():
    contract.assert_translates(PROCESS, CLEAN)


def test_noise_has_its_width_in_angstrom_along_all_directions():
    mask = jnp.ones(3000, bool)
    time = jnp.asarray(0.4)
    noisy = PROCESS.corrupt(contract.KEY, jnp.full((3000, 3), 0.5), time, mask)
    ways = (noisy.values - 0.5) @ CELL
    square = PROCESS.sigma(time) ** 2
    # Of 3,000 numbers of each kind the variance is within 10 % (four errors).
    assert_allclose(jnp.cov(ways.T) / square, np.eye(3), atol=0.1)
    assert_allclose(noisy.target, -ways / PROCESS.sigma(time), atol=1e-9)


def test_the_way_back_leads_to_the_nearest_image():
    start = jnp.array([[0.05, 0.5, 0.95]])
    end = jnp.array([[0.95, 0.55, 0.05]])
    found = PROCESS.displacements(start, end)
    cells = np.array(np.meshgrid(*[range(-2, 3)] * 3)).reshape(3, -1).T
    all_ways = (np.asarray(end - start) + cells) @ np.asarray(CELL)
    shortest = all_ways[np.argmin(np.linalg.norm(all_ways, axis=1))]
    assert_allclose(found[0], shortest, rtol=1e-12)


def test_the_target_is_that_of_the_rotated_crystal_rotated():
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turned = dataclasses.replace(PROCESS, cell=CELL @ turn)
    end = CLEAN + jnp.array([0.3, 0.1, -0.2])
    there = turned.displacements(CLEAN, end)
    assert_allclose(there, PROCESS.displacements(CLEAN, end) @ turn, atol=1e-12)


def test_the_loss_changes_when_noisy_atoms_move_alike():
    """What the paper of SyMat holds against this target: no network can know of it."""
    noisy = CLEAN + jnp.array([0.01, 0.0, 0.02])
    moved = noisy + jnp.array([0.05, 0.0, 0.0])
    one, other = (PROCESS.displacements(x, CLEAN)[:3] for x in (noisy, moved))
    expected = np.tile([-0.05, 0, 0] @ np.asarray(CELL), (3, 1))
    assert_allclose(other - one, expected, atol=1e-12)


def test_without_a_cell_there_is_no_noise():
    with pytest.raises(ValueError, match="needs the cell of the crystal"):
        CartesianDiffusion().corrupt(
            contract.KEY, CLEAN, jnp.asarray(0.5), contract.MASK
        )


def test_the_exact_score_leads_back_along_the_ordinary_differential_equation():
    time = jnp.asarray(0.3)
    key = jax.random.key(3)
    noisy = PROCESS.corrupt(key, CLEAN, time, contract.MASK)
    slope = PROCESS.direction(noisy.values, noisy.target, time)
    end = jnp.asarray(0.0)
    found = PROCESS.advance(noisy.values, slope, (time, end), contract.MASK)
    left = PROCESS.displacements(found, CLEAN)
    # What is left is the noise at time 0, by as much as σ there.
    share = PROCESS.narrow / PROCESS.sigma(time)
    whole = PROCESS.displacements(noisy.values, CLEAN)
    assert_allclose(left[:3], share * whole[:3], atol=1e-9)
