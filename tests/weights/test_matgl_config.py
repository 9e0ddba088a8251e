"""Settings of matgl's networks: what ours lack is refused by name."""

from __future__ import annotations

import json

import pytest

from matjax.weights.header import validated
from matjax.weights.matgl_config import M3GNET as SCHEMA
from matjax.weights.matgl_config import MOST_BYTES, read_config, settings_path
from tests.weights.damaged_files import HUGE, refused
from tests.weights.small_matgl import M3GNET, config_of


def test_settings_of_a_network_are_taken(tmp_path):
    assert validated(SCHEMA, json.dumps(M3GNET), tmp_path)["max_l"] == 3
    path = tmp_path / "a.b.npz"
    assert settings_path(path).name == "a.b.config.json"
    settings_path(path).write_text(json.dumps(config_of("M3GNet", M3GNET, data_std=1)))
    kind, outer, settings = read_config(path)
    assert (kind, outer["data_std"], settings) == ("M3GNet", 1, M3GNET)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("cutoff", v) for v in (0, -1.0, 1e6, "5", None, float("nan"))),
        *(("nblocks", v) for v in (0, HUGE, 1.5)),
        *(("units", v) for v in (0, HUGE)),
        *(("max_l", v) for v in (0, 5)),
        ("use_phi", True),
        ("include_state", True),
        ("rbf_type", "Gaussian"),
        ("activation_type", "tanh"),
        ("ntargets", 2),
        ("field", "edge_feat"),
        ("dim_state_embedding", 16),
        ("another", 1),
    ],
)
def test_setting_that_ours_do_not_have_is_named(tmp_path, key, value):
    text = json.dumps(M3GNET | {key: value})
    assert key in refused(lambda p: validated(SCHEMA, text, p), tmp_path)


def test_missing_setting_is_named(tmp_path):
    text = json.dumps({k: v for k, v in M3GNET.items() if k != "units"})
    assert "units" in refused(lambda p: validated(SCHEMA, text, p), tmp_path)


@pytest.mark.parametrize(
    "content", ["", "[]", "{", "{}", '{"kwargs": 1}', "[" * 10**5, " " * MOST_BYTES * 2]
)
def test_file_without_settings_is_refused(tmp_path, content):
    place = tmp_path / "a.config.json"
    place.write_text(content)
    refused(lambda p: read_config(p.with_name("a.npz")), place)


def test_other_networks_are_refused(tmp_path):
    place = tmp_path / "a.config.json"
    place.write_text(json.dumps(config_of("SO3Net", {})))
    told = refused(lambda p: read_config(p.with_name("a.npz")), place)
    assert "it is 'SO3Net'" in told


def test_settings_must_lie_beside_the_arrays(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a\.config\.json is missing"):
        read_config(tmp_path / "a.npz")
