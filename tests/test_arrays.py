"""Array types: what is an array, and annotations that the tests execute."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from matjax.arrays import Array
from matjax.elements import masses
from matjax.numerics import safe_norm


def test_arrays_are_those_of_jax_and_of_numpy_and_tracers():
    assert isinstance(np.zeros(2), Array)
    assert isinstance(jnp.zeros(2), Array)
    assert jax.jit(lambda x: x * isinstance(x, Array))(1.0) == 1.0
    assert not isinstance([0.0], Array)


def test_shapes_and_kinds_that_annotations_forbid_are_refused():
    with pytest.raises(TypeCheckError):
        masses(np.zeros(2))
    with pytest.raises(TypeCheckError):
        masses(np.zeros((2, 2), int))
    with pytest.raises(TypeCheckError):
        safe_norm(np.zeros(2, int))
