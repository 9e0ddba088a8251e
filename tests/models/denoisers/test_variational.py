"""What variational networks share: priors, and settings that fit each other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.models.denoisers.cdvae import CDVAE
from matjax.models.denoisers.symat import SyMat
from matjax.nn import Contents
from tests.models.denoisers import latents, symmetries

MODEL = CDVAE(**latents.SMALL, label="gap", scale=2.0, shift=1.0)


def apply(model, params, *arguments, method):
    return model.apply({"params": params}, *arguments, method=method)


def test_a_gaussian_prior_depends_on_its_condition():
    model = MODEL.copy(prior="gaussian", told=("composition", "property"))
    params = symmetries.parameters(model)
    moved = jax.tree.map(lambda x: x + 0.1, params)
    first = Contents(
        jnp.array([3]), jnp.array([[0.5, 0.5]]), jnp.zeros((1, 6)), jnp.array([1.0])
    )
    condition = apply(model, moved, first, method="condition")
    assert_allclose(condition, [[0.5, 0.5, 0]])  # the value less its mean
    other = first._replace(value=jnp.array([3.0]))
    there = apply(model, moved, other, method="condition")
    assert_allclose(there, [[0.5, 0.5, 1]])
    one, two = (apply(model, moved, c, method="prior_of") for c in (condition, there))
    assert np.abs(one.mean - two.mean).max() > 1e-4


@pytest.mark.parametrize(
    ("settings", "answer"),
    [
        ({"prior": "gaussian"}, r"both; received prior='gaussian'"),
        ({"told": ("composition",)}, "a normal prior is told nothing"),
        (
            {"prior": "diffusion", "told": ("property",), "label": ""},
            "needs the label of one",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, answer):
    with pytest.raises(ValueError, match=answer):
        symmetries.parameters(MODEL.copy(**settings))


def test_networks_that_read_no_property_cannot_be_asked_for_one():
    with pytest.raises(ValueError, match="take the network cdvae"):
        symmetries.parameters(
            SyMat(**latents.SMALL, prior="diffusion", told=("property",))
        )
