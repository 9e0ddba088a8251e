"""Headers of weight files: every setting in its bounds, or a message."""

from __future__ import annotations

import jax.numpy as jnp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matjax.models.potentials import MACE, M3GNet, NequIP, Springs, TensorNet
from matjax.models.properties import M3GNetProperties, MEGNet
from matjax.predictors import Potential
from matjax.weights import (
    read_potential,
    require_settings,
    save_potential,
)
from tests.weights.damaged_files import (
    HUGE,
    LJ,
    LJ_SETTINGS,
    refused,
    safetensors,
)

NEQUIP_SETTINGS = {
    "species": [18],
    "cutoff": 4.0,
    "hidden": "2x0e + 2x1o",
    "lmax": 1,
    "layers": 1,
    "basis": 2,
    "radial_widths": [2],
    "envelope": 6.0,
    "gain": 4.0,
    "neighbors": 10.0,
    "scale": 1.0,
    "shift": 0.0,
    "index_weights": False,
    "norm": True,
}


MACE_SETTINGS = {
    "species": [18],
    "hidden": "2x0e + 2x1o",
    "lmax": 1,
    "layers": 1,
    "correlation": 1,
}


def test_file_of_the_attacks_is_read_when_nothing_is_wrong_with_it(tmp_path):
    path = safetensors(tmp_path / "a.safetensors")
    assert read_potential(path).model == LJ.clone(epsilon=0.01, sigma=3.4)


BAD_SETTINGS = {
    ("lennard_jones", "cutoff"): [HUGE, 0, -1.0, "8", None, [8.5], True, float("nan")],
    ("lennard_jones", "onset"): [9.0, -1, float("inf"), {}],
    ("lennard_jones", "epsilon"): ["x", float("nan"), None],
    ("lennard_jones", "species"): [[], [0], [119], [-1], [18, 18], ["Ar"], 18, [1.5]],
    ("nequip", "layers"): [0, -1, HUGE, 1.5, "3"],
    ("nequip", "lmax"): [-1, HUGE, 7],
    ("nequip", "hidden"): [
        *("", "2x1o", "x", "-2x0e", "2x0e + 2x9o", "999999x0e", "9999x0e", "0x0e"),
        *(7, ["2x0e"], "2x0e" + " + 2x0e" * 50, "2x0e\n", "٢x0e"),
    ],
    ("nequip", "basis"): [0, HUGE, 2.5],
    ("nequip", "radial_widths"): [[0], [HUGE], [1] * 100, 64, ["64"]],
    ("nequip", "envelope"): [0, -1, 1e9],
    ("nequip", "neighbors"): [0, -3.0, 1e300, float("nan")],
    ("nequip", "scale"): [float("inf"), "1", [1.0]],
    ("nequip", "norm"): [1, "true", None],
    ("mace", "correlation"): [0, 9, HUGE],
    ("mace", "hidden"): ["2x0e + 3x1o", "1x1o"],
}


@pytest.mark.parametrize(
    ("model", "key", "value"),
    [(m, k, value) for (m, k), values in BAD_SETTINGS.items() for value in values],
)
def test_setting_out_of_bounds_is_refused(tmp_path, model, key, value):
    settings = {
        "lennard_jones": LJ_SETTINGS,
        "nequip": NEQUIP_SETTINGS,
        "mace": MACE_SETTINGS,
    }[model]
    path = safetensors(tmp_path / "a.safetensors", model, {**settings, key: value})
    assert key in refused(read_potential, path)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("{", "invalid JSON"),
        ("[]", "lennard_jones"),
        ("null", "lennard_jones"),
        ("[" * 100_000, "lennard_jones"),
        ('{"species": [18], "sigmaa": 1}', "sigmaa: extra inputs"),
        ('{"species": [18], "cutoff": ' + "9" * 5000 + "}", "cutoff"),
        ('{"species": [18], "onset": 8.5}', "onset of the switch must lie below"),
        ('{"species": [18], "cutoff": NaN}', "cutoff"),
    ],
)
def test_header_that_is_no_mapping_of_settings_is_refused(tmp_path, text, answer):
    path = safetensors(tmp_path / "a.safetensors", settings=text)
    assert answer in refused(read_potential, path)


def test_setting_that_is_needed_and_missing_is_named(tmp_path):
    path = safetensors(tmp_path / "a.safetensors", "nequip", {"cutoff": 4.0})
    assert "species: field required" in refused(read_potential, path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(NEQUIP_SETTINGS)), json_values))
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_settings_of_any_kind_make_the_model_or_a_message(tmp_path, changes):
    path = safetensors(
        tmp_path / "a.safetensors", "nequip", {**NEQUIP_SETTINGS, **changes}
    )
    refused(read_potential, path)  # at the latest for its arrays


@pytest.mark.parametrize(
    "model",
    [
        NequIP(species=(1,), cutoff=float("inf")),
        NequIP(species=(1,), hidden="9999x0e"),
        MACE(species=(1, 1)),
        Springs(species=(1,), stiffness=1.0, distance=1.0, onset=2.0, cutoff=1.0),
    ],
)
def test_what_could_not_be_read_again_is_not_saved(tmp_path, model):
    potential = Potential(params={"a": jnp.zeros(())}, model=model)
    refused(lambda path: save_potential(potential, path), tmp_path / "a.safetensors")
    assert not (tmp_path / "a.safetensors").exists()


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (M3GNet((8, 14)), {"degrees": 5}),
        (TensorNet((8, 14)), {"channels": 0}),
        (M3GNetProperties((8,), ("gap",)), {"turns": 10**6}),
        (MEGNet((8,), ("gap",)), {"dense_widths": (64, 16)}),
        (MEGNet((8,), ("gap",), query_width=16, sigmoid="hard"), {"sigmoid": "soft"}),
    ],
)
def test_settings_of_networks_with_exchanges_are_saved_in_their_bounds(model, change):
    require_settings(model, "here")
    with pytest.raises(ValueError, match=f"here: .*{next(iter(change))}"):
        require_settings(model.clone(**change), "here")
