"""Random numbers of rows, and which protocols processes keep."""

import jax
import jax.numpy as jnp
import pytest
from numpy.testing import assert_allclose

from matjax.generate.processes import Continuous, Process, Scored
from matjax.generate.processes.joint import ElementProcess
from matjax.generate.processes.protocol import draw, masked, mean_square, normal
from tests.generate import toys


@pytest.mark.parametrize("name", toys.TOYS)
def test_processes_keep_their_protocols(name):
    part, process, _ = toys.TOYS[name]
    assert isinstance(process, Process)
    assert isinstance(process, ElementProcess) == (part == "elements")
    discrete = name in ("element_absorbing", "element_uniform")
    assert isinstance(process, Continuous) != discrete
    assert isinstance(process, Scored) == (not discrete and "flow" not in name)


def test_a_row_draws_the_same_whatever_the_number_of_rows():
    key = jax.random.key(2)
    few, many = (draw(key, n, jax.random.uniform) for n in (2, 5))
    assert_allclose(few, many[:2], rtol=0)
    assert normal(key, (3, 2), jnp.float32).dtype == jnp.float32


def test_padding_counts_as_zero():
    mask = jnp.array([True, False])
    assert_allclose(masked(mask, jnp.ones((2, 3))), [[1, 1, 1], [0, 0, 0]])
    assert_allclose(mean_square(jnp.array([[1.0, 3.0], [7.0, 7.0]]), mask), [5, 0])
