"""Several trainings give one potential, between its start and their mean."""

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.distillation import blended, joint_metrics
from matjax.train import Fitted
from tests.train.argon import student


def test_parameters_are_averaged_and_lie_on_the_way():
    start = student()
    trained = [jax.tree.map(lambda x, k=k: x + k, start.params) for k in (1.0, 3.0)]
    for way in (1.0, 0.25):
        found = blended(start, trained, way)
        for key, value in found.params.items():
            assert_allclose(value, start.params[key] + 2 * way, rtol=1e-14)
    assert blended(start, trained[:1]).params == trained[0]


def fitted(seconds):
    params = {"a": np.ones(3)}
    return Fitted(params, {"energy_mae_meV": 1.0}, 10, 1.0, seconds, 100.0)


def test_times_add_up_and_errors_of_each_are_left_to_it():
    one, two = fitted(60.0), fitted(120.0)
    assert joint_metrics([one]) == one.metrics
    found = joint_metrics([one, two])
    assert found["n_members"] == 2
    assert found["train_minutes"] == pytest.approx(3.0)
    assert not any("mae" in key for key in found)
