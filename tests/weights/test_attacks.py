"""Weight files that are damaged or lie: each is refused in a message with its name."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from matjax.errors import WeightsError
from matjax.models.potentials import MACE, LennardJones, NequIP, Springs
from matjax.models.properties import CGCNN
from matjax.predictors import Potential, PropertyPredictor
from matjax.weights import (
    PRETRAINED,
    Converted,
    Shipped,
    load_potential,
    load_predictor,
    pretrained,
    read_cgcnn,
    read_nequix,
    read_potential,
    save_potential,
    save_predictor,
    store,
)
from matjax.weights.checkpoint import FORMATS

LJ = LennardJones()
LJ_SETTINGS = {
    "species": [18],
    "epsilon": 0.01,
    "sigma": 3.4,
    "onset": 7.0,
    "cutoff": 8.5,
}
LJ_ARRAYS = {"epsilon": np.float64(0.01), "sigma": np.float64(3.4)}
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


def refused(read, path: Path) -> str:
    """What is said of a file, in one message that names it."""
    with pytest.raises(WeightsError) as caught:
        read(path)
    told = str(caught.value)
    assert str(path) in told
    assert len(told) < 5_000
    return told


def safetensors(path: Path, model="lennard_jones", settings=None, arrays=None, **more):
    """A file without a digest, as an attacker or an old version writes it."""
    text = (
        settings if isinstance(settings, str) else json.dumps(settings or LJ_SETTINGS)
    )
    metadata = {"format": FORMATS["potential"], "model": model, "config": text, **more}
    arrays = {k: np.asarray(v) for k, v in (arrays or LJ_ARRAYS).items()}
    path.write_bytes(save(arrays, metadata))
    return path


def test_file_of_the_attacks_is_read_when_nothing_is_wrong_with_it(tmp_path):
    path = safetensors(tmp_path / "a.safetensors")
    assert read_potential(path).model == LJ.clone(epsilon=0.01, sigma=3.4)


HUGE = 10**12
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


def header(length: int, text: bytes, data: bytes = b"") -> bytes:
    return length.to_bytes(8, "little") + text + data


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


@pytest.mark.parametrize("kind", ["safetensors", "nqx", "json"])
def test_endless_nesting_is_refused_though_a_library_lifts_the_limit(tmp_path, kind):
    """symfc, which phonopy imports, allows 100,000 calls: parsers in C then crash."""
    nested = b"[" * 100_000
    path = tmp_path / f"a.{kind}"
    contents = {"safetensors": header(len(nested), nested), "nqx": nested + b"\n"}
    path.write_bytes(contents.get(kind, b'{"1": ' + nested))
    reader = "read" if kind == "json" else "load_potential"
    code = (
        "import sys; import matjax as mj; sys.setrecursionlimit(100_000)\n"
        f"try: mj.{reader}(sys.argv[1])\n"
        "except ValueError as error: assert sys.argv[1] in str(error)\n"
        "assert sys.getrecursionlimit() == 100_000"
    )
    ended = subprocess.run([sys.executable, "-c", code, path], check=False)
    assert ended.returncode == 0


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


def test_equal_parameters_give_equal_bytes_with_ordinary_permissions(tmp_path, saved):
    path = tmp_path / "a.safetensors"
    for _ in range(3):
        save_potential(Potential.create(LJ), path, overwrite=True)
        assert path.read_bytes() == saved
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert {p.name for p in tmp_path.iterdir()} == {"a.safetensors", "plain"}


@pytest.mark.parametrize("name", pretrained(Shipped))
def test_files_of_the_package_carry_a_digest(name):
    content = PRETRAINED[name].path.read_bytes()
    text = content[8 : 8 + int.from_bytes(content[:8], "little")]
    assert len(json.loads(text)["__metadata__"]["sha256"]) == 64


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


@pytest.mark.parametrize("name", ["nequix-mp-1.nqx", "nequix-oam-1-pft.nqx"])
def test_file_with_a_published_name_and_another_content_is_refused(
    tmp_path, monkeypatch, name
):
    monkeypatch.setenv("MATJAX_MODELS", str(tmp_path))
    path = tmp_path / name
    path.write_bytes(b"other")
    for given_name in (name.removesuffix(".nqx"), path):
        told = refused(lambda _, x=given_name: load_potential(x), path)
        assert PRETRAINED[name.removesuffix(".nqx")].sha256 in told
    assert "take a copy from https://" in told


def test_file_that_changes_is_verified_again(tmp_path, monkeypatch):
    path = tmp_path / "nequix-mp-1.nqx"
    monkeypatch.setattr(store, "_DIGESTS", {})
    path.write_bytes(b"one")
    first = store._digest(path)
    path.write_bytes(b"other")
    assert store._digest(path) != first
    assert len(store._DIGESTS) == 2


@pytest.mark.parametrize("dtype", ["int32", "complex64", "bool", "x", int, "str"])
def test_precision_that_is_none_is_refused(dtype):
    with pytest.raises(ValueError, match="a precision such as float32 or float64"):
        load_potential("lennard-jones-ar", dtype=dtype)


NQX = {
    "cutoff": 4.0,
    "hidden_irreps": "2x0e + 2x1o",
    "lmax": 1,
    "n_layers": 1,
    "radial_basis_size": 2,
    "radial_mlp_size": 2,
    "radial_mlp_layers": 1,
    "radial_polynomial_p": 6.0,
    "mlp_init_scale": 4.0,
    "avg_n_neighbors": 10.0,
    "scale": 1.0,
    "shift": 0.0,
    "index_weights": True,
    "layer_norm": True,
    "atomic_numbers": [1, 6],
    "optimizer": {"anything": None},
}


def npy(text: str, data: bytes = b"") -> bytes:
    """A record of NumPy's format with this description."""
    padded = text.encode("latin-1").ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded + data


def described(shape: object = (2,), descr: str = "'<f4'", order: object = False) -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("scale", v) for v in (float("inf"), float("nan"), "1.0", None, [1])),
        *(("avg_n_neighbors", v) for v in (0, -1, 0.0, float("nan"), "30")),
        *(("cutoff", v) for v in (0, 1e6, -6.0, "6", None)),
        *(("n_layers", v) for v in (0, HUGE, -1, 2.5, None)),
        *(("lmax", v) for v in (-1, 30, HUGE)),
        *(("hidden_irreps", v) for v in ("", "128", 5, None, "1e9x0e")),
        *(("radial_mlp_layers", v) for v in (-1, HUGE)),
        *(("radial_mlp_size", v) for v in (0, -1, HUGE)),
        *(("radial_basis_size", v) for v in (0, HUGE)),
        *(("atomic_numbers", v) for v in ([], [200], [1, 1], {"1": 1}, "H", None)),
        *(("index_weights", v) for v in (1, "yes")),
    ],
)
def test_nequix_config_out_of_bounds_is_refused(tmp_path, key, value):
    path = tmp_path / "a.nqx"
    path.write_bytes(json.dumps({**NQX, key: value}).encode() + b"\n")
    refused(read_nequix, path)


@pytest.mark.parametrize(
    "record",
    [
        npy(described((HUGE,))),
        npy(described((-5,)), b"\0" * 20),
        npy(described((2**40, 2**40))),
        npy(described((0, HUGE))),
        npy(described((3,)), b"\0" * 12),
        npy(described((2,), "'<i4'"), b"\0" * 8),
        npy(described((2,), "'|O'"), b"\0" * 16),
        npy(described((2,), "[('a', '<f4')]"), b"\0" * 8),
        npy(described((2,), "'x'"), b"\0" * 8),
        npy(described((2,), "None"), b"\0" * 8),
        npy(described("2"), b"\0" * 8),
        npy(described("(True,)"), b"\0" * 8),
        npy(described("(2.0,)"), b"\0" * 8),
        npy(described((2,), order="'x'"), b"\0" * 8),
        npy("{}"),
        npy("[" * 110),
        npy("__import__('os')"),
        npy(described(), np.array([np.nan, 0], np.float32).tobytes()),
        b"\x93NUMPY\x09\x00" + b"\0" * 100,
        b"\x93NUMPY\x01\x00\xff\xff{}",
        b"\x93NUM",
        b"garbage",
        b"\n",
        b"",
    ],
)
def test_nequix_arrays_that_are_none_are_refused(tmp_path, record):
    path = tmp_path / "a.nqx"
    path.write_bytes(json.dumps(NQX).encode() + b"\n" + record)
    refused(read_nequix, path)


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b"null", b"{}", b"[" * 10**5, b"\x80\x04", b"9" * 5000]
)
def test_nequix_file_without_a_config_is_refused(tmp_path, line):
    path = tmp_path / "a.nqx"
    path.write_bytes(line + b"\n")
    refused(read_nequix, path)


GAP = Converted("gap.npz", "band_gap", "eV", False)
ARGS = {
    "task": "regression",
    "atom_fea_len": 2,
    "h_fea_len": 2,
    "n_conv": 1,
    "n_h": 1,
}


def npz(folder: Path, args: object = None, **members: object) -> Path:
    """A CGCNN archive that lacks its network, beside a table of elements."""
    (folder / "atom_init.json").write_text('{"1": [0.5, 1.0], "6": [1.0, 0.0]}')
    content = {
        "args": np.array(args if isinstance(args, str) else json.dumps(args or ARGS)),
        "normalizer/mean": np.float64(1.0),
        "normalizer/std": np.float64(2.0),
        **members,
    }
    path = folder / "gap.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in content.items():
            record = BytesIO()
            if not isinstance(value, bytes):
                np.save(record, value)
            archive.writestr(
                f"{name}.npy", value if isinstance(value, bytes) else record.getvalue()
            )
    return path


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"normalizer/std": np.float64(np.inf)}, "mean and deviation must be finite"),
        ({"normalizer/std": np.float64(0)}, "mean and deviation must be finite"),
        ({"normalizer/mean": np.float64(np.nan)}, "mean and deviation must be finite"),
        ({"normalizer/mean": np.zeros(3)}, "CGCNN weights are an npz file"),
        ({"normalizer/mean": np.array("x")}, "CGCNN weights are an npz file"),
        ({"args": {**ARGS, "n_conv": HUGE}}, "n_conv must be 1 to 32"),
        ({"args": {**ARGS, "n_h": 0}}, "n_h must be 1 to 32; it is 0"),
        ({"args": {**ARGS, "atom_fea_len": "64"}}, "atom_fea_len must be 1 to 4096"),
        ({"args": {**ARGS, "h_fea_len": True}}, "h_fea_len must be 1 to 4096"),
        ({"args": {**ARGS, "task": "classification"}}, "a regression with one output"),
        ({"args": "[" * 10_000}, "CGCNN weights are an npz file"),
        ({"args": "[]"}, "CGCNN weights are an npz file"),
        ({"args": "{}"}, "CGCNN weights are an npz file"),
        ({"state/a": npy(described((HUGE,)))}, "is more than the file holds"),
        ({"state/a": npy(described((2,), "'|O'"), b"\0" * 16)}, "Object arrays"),
        ({"state/a": npy(described((2,)), b"\0" * 12)}, "holds more than an array"),
        ({"state/a": b""}, "CGCNN weights are an npz file"),
        ({}, "missing: convs.0"),
    ],
)
def test_cgcnn_archive_that_is_none_is_refused(tmp_path, change, answer):
    path = npz(tmp_path, **change)
    assert answer in refused(lambda p: read_cgcnn(p, GAP), path)


@pytest.mark.parametrize("position", [60, 150, 400, 600])
def test_flipped_bit_of_an_archive_is_found(tmp_path, position):
    path = npz(tmp_path, **{"state/a": np.zeros(100)})
    content = bytearray(path.read_bytes())
    content[position] ^= 4
    path.write_bytes(content)
    refused(lambda p: read_cgcnn(p, GAP), path)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"x": [1]}', '{"1": [NaN, 1]}', '{"200": [1, 2]}', "{}"]
)
def test_table_of_elements_that_is_none_is_named(tmp_path, text):
    path = npz(tmp_path)
    table = tmp_path / "atom_init.json"
    table.write_text(text)
    refused(lambda _: read_cgcnn(path, GAP), table)


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
