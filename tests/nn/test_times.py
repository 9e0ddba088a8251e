"""Times as inputs."""

import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from matjax.nn import embedded_times


def test_times_are_waves_of_a_geometric_series():
    found = embedded_times(jnp.array([[0.3, 0.7]]), 4)
    frequencies = np.array([1, 10, 100, 1000])
    angles = np.concatenate([0.3 * frequencies, 0.7 * frequencies])
    assert_allclose(found[0], [*np.sin(angles), *np.cos(angles)], atol=1e-10)


def test_each_time_is_told_from_near_ones():
    times = jnp.linspace(0, 1, 201)[:, None]
    found = np.asarray(embedded_times(times, 8))
    apart = np.linalg.norm(found[:, None] - found, axis=-1) + 10 * np.eye(201)
    assert apart.min() > 0.1
