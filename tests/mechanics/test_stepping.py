"""The compiled loop: rows stop for themselves, and the batch when few are left."""

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from matjax.crystals import Crystal
from matjax.mechanics.rows import Job, enter, grouped, stacked
from matjax.mechanics.stepping import METHODS, advance
from matjax.models.potentials import LennardJones
from matjax.predictors import Potential
from tests.mechanics.rattled import FCC


@pytest.fixture(scope="module")
def argon():
    return Potential.create(LennardJones(onset=5.0, cutoff=6.0))


@pytest.fixture(scope="module")
def run(argon):
    """The loop on three fcc cells, one of which is nearly at rest."""
    lengths = (5.2602, 5.5, 5.4)
    jobs = [
        Job(k, Crystal.create([18], FCC * a, fractional=np.zeros((1, 3))))
        for k, a in enumerate(lengths)
    ]
    for job in jobs:
        job.measure(argon.cutoff)
    ((sizes, group),) = grouped(jobs, argon.cutoff)
    for job in group:
        enter(job, sizes, argon.cutoff, METHODS["fire"].init)
    rows, states = stacked([(job.landscape, job.state) for job in group])

    def steps(left, limit=40, enough=0, force=1e-3, stress=1e-5):
        return jax.device_get(
            advance(
                *(argon, rows, states, np.array(left, np.int32)),
                *(np.ones(3, bool), limit, enough, np.array([force, stress])),
                method="fire",
            )
        )

    return steps


def test_rows_take_no_more_steps_than_they_may(run):
    assert_array_equal(run([3, 0, 5], stress=1e-12).n_steps, [3, 0, 5])
    assert_array_equal(run([9, 9, 9], limit=4, stress=1e-12).n_steps, [4, 4, 4])


def test_a_row_at_rest_waits_for_the_others(run):
    chunk = run([40, 40, 40], stress=1e-3)
    assert chunk.n_steps[0] < chunk.n_steps[1]
    assert chunk.good.all()
    # What it has reached does not change while the others go on.
    early = run([int(chunk.n_steps[0]), 0, 0], stress=1e-3)
    assert_allclose(
        chunk.states.point.coordinates[0], early.states.point.coordinates[0], rtol=1e-12
    )


def test_a_batch_comes_back_when_enough_rows_have_ended(run):
    chunk = run([2, 30, 30], enough=2, stress=1e-12)
    assert_array_equal(chunk.n_steps, [2, 2, 2])


def test_histories_and_cells_are_those_of_the_states(run):
    chunk = run([5, 5, 5], stress=1e-12)
    point = chunk.states.point
    assert_allclose(chunk.history[:, 4, 0], point.energy, rtol=1e-12)
    assert_allclose(chunk.history[:, 5:], 0)
    strain = point.coordinates[:, -3:]
    assert (np.abs(strain).max(axis=(1, 2)) > 0).all()
    volumes = np.linalg.det(chunk.cells[:, 0])
    assert volumes[1] < np.linalg.det(FCC * 5.5)  # it contracts
