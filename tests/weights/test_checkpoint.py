"""Checkpoints: equal bytes for equal parameters, and every damage found."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matjax.models.properties import CGCNN
from matjax.predictors import Potential, PropertyPredictor
from matjax.weights import (
    load_potential,
    load_predictor,
    read_potential,
    save_potential,
    save_predictor,
)
from matjax.weights.checkpoint import FORMATS
from tests.weights.damaged_files import (
    HUGE,
    LJ,
    LJ_ARRAYS,
    LJ_SETTINGS,
    header,
    refused,
    safetensors,
)


@pytest.mark.parametrize(
    ("arrays", "answer"),
    [
        ({}, "missing: sigma"),
        ({"epsilon": np.zeros(3)}, "epsilon: float64 (3,)"),
        ({"epsilon": np.float64("nan")}, "not finite"),
        ({"epsilon": np.float32("inf")}, "not finite"),
        ({"epsilon": np.int32(1)}, "epsilon must hold floats; it holds I32"),
        ({"epsilon": np.bool_(True)}, "epsilon must hold floats; it holds BOOL"),
        ({"more": np.zeros(2)}, "extra: more"),
        ({"epsilon": np.zeros(0)}, "epsilon: float64 (0,)"),
    ],
)
def test_arrays_that_are_not_those_of_the_model_are_refused(tmp_path, arrays, answer):
    whole = {**LJ_ARRAYS, **arrays} if arrays else {"epsilon": np.float64(0.01)}
    path = safetensors(tmp_path / "a.safetensors", arrays=whole)
    assert answer in refused(read_potential, path)


@pytest.mark.parametrize(
    ("metadata", "answer"),
    [
        ({"format": "other"}, "must say format"),
        ({"model": "nothing"}, "must say format"),
        ({"model": ""}, "must say format"),
        ({"sha255": "x"}, "its metadata must be"),
        ({"sha256": "x"}, "has changed since it was written"),
    ],
)
def test_metadata_that_is_not_ours_is_refused(tmp_path, metadata, answer):
    path = safetensors(tmp_path / "a.safetensors", **metadata)
    assert answer in refused(read_potential, path)


def entry(**changes) -> bytes:
    tensor = {"dtype": "F64", "shape": [], "data_offsets": [0, 8], **changes}
    metadata = {"format": FORMATS["potential"], "model": "lennard_jones"}
    metadata["config"] = json.dumps(LJ_SETTINGS)
    return json.dumps({"__metadata__": metadata, "epsilon": tensor}).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 40,
        b"abc",
        header(2**63, b"{}"),
        header(2**62, b"{}"),
        header(10**9, b"{}"),
        header(2, b"{}"),
        header(2, b"[]"),
        header(4, b"null"),
        header(2, b"\xff\xfe"),
        header(100_000, b"[" * 100_000),
        header(19, b'{"__metadata__": 3}'),
        header(20, b'{"__metadata__": []}'),
        header(8, b'{"a": 1}'),
        *(
            header(len(text), text, b"\0" * 8)
            for text in (
                entry(shape=[HUGE]),
                entry(shape=[-1]),
                entry(shape=[2**40, 2**40]),
                entry(shape="x"),
                entry(data_offsets=[0, HUGE]),
                entry(data_offsets=[8, 0]),
                entry(data_offsets=[0]),
                entry(dtype="I64"),
                entry(dtype="int32"),
                entry(dtype=None),
            )
        ),
        header(len(entry()), entry(), b"\0" * 7),
        header(len(entry()), entry(), b"\0" * 9),
    ],
)
def test_bytes_that_are_no_safetensors_are_refused(tmp_path, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    refused(load_potential, path)


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("saved") / "a.safetensors"
    return save_potential(Potential.create(LJ), path).read_bytes()


@given(st.data())
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_flipped_bit_of_a_saved_file_is_found(saved, tmp_path, data):
    bit = data.draw(st.integers(0, 8 * len(saved) - 1))
    content = bytearray(saved)
    content[bit // 8] ^= 1 << bit % 8
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    refused(load_potential, path)


@given(st.integers(0, 400))
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_truncated_file_is_found(saved, tmp_path, n):
    path = tmp_path / "a.safetensors"
    path.write_bytes(saved[: min(n, len(saved) - 1)])
    refused(load_potential, path)


def test_equal_parameters_give_equal_bytes_with_ordinary_permissions(tmp_path, saved):
    path = tmp_path / "a.safetensors"
    for _ in range(3):
        save_potential(Potential.create(LJ), path, overwrite=True)
        assert path.read_bytes() == saved
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert {p.name for p in tmp_path.iterdir()} == {"a.safetensors", "plain"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("n_nearest", v) for v in (0, -1, HUGE, "12")),
        *(("properties", v) for v in ([], [""], ["a", "a"], "a", [1])),
        *(("features", v) for v in (0, HUGE)),
        *(("step", v) for v in (0, 1e-9, -1)),
        *(("norm", v) for v in ("batch", None)),
        *(("scale", v) for v in (float("inf"), "1", {})),
    ],
)
def test_property_network_out_of_bounds_is_refused(tmp_path, key, value):
    model = CGCNN(species=(6,), properties=("gap",), features=2, layers=1)
    predictor = PropertyPredictor.create(model, ("eV",))
    path = save_predictor(predictor, tmp_path / "a.safetensors")
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    text = json.loads(content[8 : 8 + length])
    del text["__metadata__"]["sha256"]
    config = json.loads(text["__metadata__"]["config"])
    text["__metadata__"]["config"] = json.dumps({**config, key: value})
    new = json.dumps(text).encode()
    path.write_bytes(header(len(new), new, content[8 + length :]))
    assert key in refused(load_predictor, path)
