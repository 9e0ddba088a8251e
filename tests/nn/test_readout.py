"""Properties from features: layers, and a scale and a shift of each property."""

import flax.linen as nn
import jax
import numpy as np
from numpy.testing import assert_allclose

from matjax.nn import property_readout


class Network(nn.Module):
    """Nothing but a readout."""

    properties: tuple[str, ...] = ("gap", "heat")
    head: tuple[int, ...] = (3, 4)
    scale: tuple[float, ...] = (2.0, 0.5)
    shift: tuple[float, ...] = (1.0, -1.0)

    @nn.compact
    def __call__(self, x):
        """Properties of the rows."""
        return property_readout(self, x, nn.silu)


def test_each_property_has_its_scale_and_shift():
    x = np.random.default_rng(0).normal(size=(5, 2))
    params = Network().init(jax.random.key(0), x)["params"]
    assert params.keys() == {"head_0", "head_1", "readout"}
    plain = Network(scale=(1.0, 1.0), shift=(0.0, 0.0)).apply({"params": params}, x)
    values = Network().apply({"params": params}, x)
    assert list(values) == ["gap", "heat"]
    assert_allclose(values["gap"], 2 * plain["gap"] + 1, rtol=1e-6)
    assert_allclose(values["heat"], plain["heat"] / 2 - 1, rtol=1e-6)
    y = x
    for name in ("head_0", "head_1"):
        y = y @ params[name]["kernel"] + params[name]["bias"]
        y = y / (1 + np.exp(-y))
    y = y @ params["readout"]["kernel"] + params["readout"]["bias"]
    assert_allclose(plain["heat"], y[:, 1], rtol=1e-5)  # float32 of parameters
