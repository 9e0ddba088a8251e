"""Models by name and plain settings."""

import pytest

from matjax.models import make_model
from matjax.models.potentials import MACE, LennardJones


def test_settings_of_a_file_make_the_model():
    settings = {"name": "mace", "species": [14], "radial_widths": [8, 8], "lmax": 1}
    model = make_model(settings, neighbors=12.0, lmax=3)
    assert model == MACE((14,), radial_widths=(8, 8), lmax=1, neighbors=12.0)


def test_attributes_that_a_model_lacks_are_no_defaults():
    assert make_model({"name": "lennard_jones"}, neighbors=12.0) == LennardJones()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"name": "mase"},
            r"no potential model of the name 'mase'; did you mean 'mace'",
        ),
        ({}, "no potential model of the name 'None'; there are"),
        ({"name": "mace", "lmx": 2}, r"mace has no attribute 'lmx'; .*lmax"),
    ],
)
def test_wrong_settings_are_answered_with_the_nearest(settings, message):
    with pytest.raises(ValueError, match=message):
        make_model(settings)


def test_a_potential_is_no_property_network():
    with pytest.raises(ValueError, match="there are alignn, cgcnn"):
        make_model({"name": "lennard_jones"}, "property")
