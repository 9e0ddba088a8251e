"""Shapes are those of jax.eval_shape, and traced once."""

import jax
import jax.numpy as jnp
import pytest

from matjax.compilation import remembered_shapes, store

CALLS = []


def made():
    CALLS.append(1)
    return {"a": {"b": jnp.zeros((2, 0, 3)), "c": jnp.zeros((), jnp.int32)}}


@pytest.mark.parametrize("folder", ["", "some"])
def test_shapes_are_traced_once_where_there_is_a_folder(tmp_path, monkeypatch, folder):
    monkeypatch.setenv(store.VARIABLE, folder and str(tmp_path))
    CALLS.clear()
    # Functions of their own: JAX knows what it has traced.
    found = [remembered_shapes(lambda: made(), ("about", about)) for about in (1, 1, 2)]
    assert len(CALLS) == (2 if folder else 3)
    assert found == 3 * [jax.eval_shape(made)]


def test_what_has_no_words_is_traced(tmp_path, monkeypatch):
    monkeypatch.setenv(store.VARIABLE, str(tmp_path))
    assert remembered_shapes(made, object()) == jax.eval_shape(made)
    assert list(tmp_path.iterdir()) == []
