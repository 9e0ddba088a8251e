"""Committees: the mean of their members, and the spread."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.lattice_dynamics import phonons
from matjax.mechanics import relax
from matjax.models.potentials import MACE, LennardJones, Springs
from matjax.predictors import Committee, Potential
from matjax.testing import CHECKS

CELL = np.array([[2.9, 0.1, 0.2], [1.3, 2.8, -0.1], [0.9, 0.7, 3.4]])
SITES = np.array([[0.02, -0.03, 0.01], [0.41, 0.36, 0.55]])
ARGON = Crystal.create([18, 18], 1.4 * CELL, fractional=SITES)


@pytest.fixture(scope="module")
def members():
    model = LennardJones(onset=4.5, cutoff=6.0)
    one = Potential.create(model).astype(jnp.float64)
    return [
        one.replace(params={"epsilon": jnp.array(e), "sigma": jnp.array(s)})
        for e, s in ((0.010, 3.3), (0.011, 3.4), (0.013, 3.5))
    ]


@pytest.fixture(scope="module")
def committee(members):
    return Committee.of(members)


def test_committee_predicts_mean_and_variance_of_its_members(members, committee):
    each = [member(ARGON) for member in members]
    mean, variance = committee(ARGON), committee.variance(ARGON)
    for name in ("energy", "forces", "stress", "node_energies"):
        values = np.stack([getattr(one, name) for one in each])
        # float64 round-off.
        assert_allclose(
            getattr(mean, name), values.mean(axis=0), rtol=1e-10, atol=1e-13
        )
        assert_allclose(
            getattr(variance, name), values.var(axis=0), rtol=1e-9, atol=1e-15
        )


def test_members_come_back_as_they_were_given(members, committee):
    for ours, given in zip(committee.members, members, strict=True):
        assert ours.model == given.model
        jax.tree.map(assert_allclose, ours.params, given.params)


def test_force_constants_of_a_committee_are_the_mean_of_its_members(members, committee):
    q = [[0.1, 0.2, -0.3], [0.5, 0.0, 0.0]]
    each = [phonons(member, ARGON).force_constants(q) for member in members]
    # float64 round-off.
    assert_allclose(
        phonons(committee, ARGON).force_constants(q), np.mean(each, axis=0), atol=1e-12
    )


@pytest.mark.slow
def test_relaxed_committee_has_no_mean_force(committee):
    relaxed = relax(committee, ARGON, fmax=1e-5).crystal
    forces = np.mean([m(relaxed).forces for m in committee.members], axis=0)
    # fmax, and float64 round-off beyond it.
    assert_allclose(forces, 0, atol=1.001e-5)


@pytest.mark.slow
def test_committee_of_networks_responds_at_every_q():
    model = MACE(
        species=(12, 8),
        cutoff=4.0,
        hidden="2x0e + 2x1o",
        lmax=1,
        layers=1,
        correlation=2,
        basis=4,
        radial_widths=(4,),
    )
    committee = Committee.create(model, n_members=2).astype(jnp.float64)
    crystal = Crystal.create([12, 8], CELL, fractional=SITES)
    assert committee.variance(crystal).energy > 0  # initial parameters differ
    # Members are mapped inside of the derivatives at q and around the graph's rules.
    CHECKS["force_constants"](committee, crystal)


def test_identical_members_do_not_disagree(members):
    twins = Committee.of([members[0]] * 3)
    variance = twins.variance(ARGON)
    assert_allclose(variance.energy, 0, atol=1e-30)
    assert_allclose(variance.forces, 0, atol=1e-30)


def test_members_of_different_models_are_refused(members):
    other = Potential.create(
        Springs(species=(18,), stiffness=1.0, distance=3.0, onset=4.0, cutoff=6.0)
    )
    with pytest.raises(ValueError, match="2 different models"):
        Committee.of([members[0], other])
    with pytest.raises(ValueError, match="received 0"):
        Committee.of([])
