"""L-BFGS: pure steps, and the Newton step of a quadratic bowl."""

import jax
import pytest
from numpy.testing import assert_allclose

from matjax.mechanics.lbfgs import lbfgs_init, lbfgs_step
from matjax.mechanics.rows import Job, enter, grouped, stacked
from matjax.models.potentials import StillingerWeber
from matjax.predictors import Potential
from tests.mechanics.rattled import rattled_silicon


@pytest.fixture(scope="module")
def silicon():
    return Potential.create(StillingerWeber())


@pytest.mark.slow
def test_steps_are_pure_functions_of_their_state_and_can_be_mapped(silicon):
    jobs = [Job(k, rattled_silicon(k)) for k in (0, 1)]
    for job in jobs:
        job.measure(silicon.cutoff)
    ((sizes, group),) = grouped(jobs, silicon.cutoff)
    for job in group:
        enter(job, sizes, silicon.cutoff, lbfgs_init)

    def two_steps(row):
        landscape = row.replace(potential=silicon)
        state = lbfgs_init(landscape, landscape.start())
        for _ in range(2):
            state, _ = lbfgs_step(landscape, state)
        return state.point.coordinates

    rows = stacked([job.landscape for job in group])
    together = jax.jit(jax.vmap(two_steps))(rows)
    alone = jax.jit(two_steps)
    for row, job in zip(together, group, strict=True):
        assert_allclose(row, alone(job.landscape), atol=1e-12)  # round-off
