"""Words for arguments: equal ones for equal values, in every process, or none."""

import functools
import subprocess
import sys
from collections import OrderedDict
from enum import Enum

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct
from flax.core import FrozenDict

from matjax.compilation import UnstableError, described, descriptions
from matjax.mechanics import NVE
from matjax.models import make_model
from matjax.weights import load_potential


def test_values_that_are_traced_otherwise_have_other_words():
    values = [
        *(1, 1.0, True, "1", None, b"1", -0.0, 0.0, (1,), [1], {"a": 1}, {"a": 2}),
        *(np.array([1.0, 2.0]), np.array([1.0, 3.0]), np.array([[1.0, 2.0]])),
        *(np.array([1.0, 2.0], np.float32), np.float64(1), np.dtype("float32")),
        *(
            jax.nn.silu,
            jnp.tanh,
            nn.Dropout(0.1),
            nn.Dropout(0.2),
            nn.Dropout,
            *map(NVE, (300.0, 400.0)),
        ),
        *(functools.partial(jax.nn.leaky_relu, negative_slope=x) for x in (0.1, 0.2)),
        *(OrderedDict(a=1, b=2), OrderedDict(b=2, a=1)),
    ]
    words = [described(value) for value in values]
    assert len(set(words)) == len(values)
    assert words == [described(value) for value in values]


def test_the_order_of_a_dictionary_does_not_matter_as_for_jax():
    one, other = {"a": 1, "b": 2}, {"b": 2, "a": 1}
    assert described(one) == described(other)
    assert described(FrozenDict(one)) == described(FrozenDict(other))


def test_what_is_traced_is_told_by_shape_and_type():
    words = []

    @jax.jit
    def tell(*values):
        words.extend(map(described, values))

    tell(jnp.zeros(3), jnp.ones(3), 1.0, jnp.zeros(()), jnp.zeros(3, jnp.float32))
    assert words[0] == words[1]
    assert len(set(words)) == 4  # a number of Python's is of a weak type


class Colour(Enum):
    RED = 1


class OfTests(struct.PyTreeNode):
    x: int = 1


@pytest.mark.parametrize(
    "value",
    [
        lambda x: x,
        [lambda x: x],
        functools.partial(lambda x: x),
        nn.Sequential([lambda x: x]),
        OfTests(),
        OfTests,
        Colour.RED,
        np.array([None]),
        object(),
        {1, 2},
        "word".upper,
    ],
)
def test_what_other_processes_may_not_find_has_no_words(value):
    with pytest.raises(UnstableError, match="a name that all processes share"):
        described(value)


def test_configurations_of_models_differ():
    settings = [{}, {"cutoff": 4.0}, {"layers": 1}, {"species": [14]}]
    words = [
        described(make_model({"name": "nequip", "species": [6, 14], **more}))
        for more in settings
    ]
    assert len(set(words)) == len(settings)


@pytest.mark.slow
def test_words_are_the_same_in_another_process():
    script = """
        import jax
        jax.config.update("jax_enable_x64", True)
        import jax.experimental.pallas  # has settings of its own, as soon as imported
        from matjax.compilation import descriptions
        from matjax.weights import load_potential
        potential = load_potential("nequix-mlearn-si")
        print(descriptions.described(potential.model))
        print(descriptions.versions(), descriptions.settings())
    """
    lines = "\n".join(line.strip() for line in script.splitlines())
    found = subprocess.run(
        [sys.executable, "-c", lines], capture_output=True, text=True, check=True
    )
    model = load_potential("nequix-mlearn-si").model
    rest = f"{descriptions.versions()} {descriptions.settings()}"
    assert found.stdout == f"{described(model)}\n{rest}\n"


def test_settings_that_change_what_is_traced_are_told_and_folders_are_not(monkeypatch):
    before = descriptions.settings()
    with jax.default_matmul_precision("float32"):
        assert descriptions.settings() != before
    monkeypatch.setitem(jax.config.values, "jax_compilation_cache_dir", "elsewhere")
    assert descriptions.settings() == before
