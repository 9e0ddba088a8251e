"""Published CGCNN weights: the original code's numbers; files that are not right."""

import json
import os
from pathlib import Path

import ase.io
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

import matjax as mj
from matjax.crystals import Crystal
from matjax.graphs import build_graph, nearest_neighbors
from matjax.weights import Converted, find, load_predictor, pretrained, read_cgcnn

# Predictions of the original code (torch, float32), which lie beside the data.
DATA = Path(os.environ.get("MATJAX_DATA", "nowhere"))
REFERENCE = DATA.parent / "reference" / "cgcnn.json"
CRYSTALS = DATA / "matcalc" / "mp-binary-pbe-elasticity-2025.1.extxyz.gz"

PROPERTIES = pretrained(Converted)

needs_weights = pytest.mark.skipif(
    not (REFERENCE.is_file() and CRYSTALS.is_file())
    or any(find(p) is None for p in PROPERTIES.values()),
    reason="published weights, crystals or reference values are not on this machine",
)
GAP = Converted("gap.npz", "band_gap", "eV", False)


@pytest.fixture(scope="module")
def reference():
    record = json.loads(REFERENCE.read_text())
    frames = ase.io.read(CRYSTALS, ":24")
    assert [a.info["material_id"] for a in frames] == record["material_id"]
    return [Crystal.from_ase(a) for a in frames], record["predictions"]


def in_units_of_the_network(predictor, values):
    values = np.array([result.value for result in values])
    return np.log10(values) if predictor.logarithmic[0] else values


@needs_weights
@pytest.mark.parametrize("name", PROPERTIES)
def test_published_networks_give_the_numbers_of_the_original_code(name, reference):
    crystals, predictions = reference
    expected = predictions[name.removeprefix("cgcnn-")]
    predictor = load_predictor(name, dtype=jnp.float32)
    found = in_units_of_the_network(predictor, predictor(crystals))
    # float32 round-off of both codes; all 24 crystals, since members of their
    # straddling shells are equivalent
    assert_allclose(found, expected, atol=5e-5, rtol=0)


def first_neighbors(predictor, crystal, n=12):
    """A graph as the original code makes it: of a shell what its search lists first."""
    sizes = {"n_nodes": 10, "degree": 256}  # one shape for all
    graph = build_graph(crystal, predictor.model.cutoff, dtype=jnp.float64, **sizes)
    slots = (graph.n_nodes, graph.degree)
    r = np.linalg.norm(np.asarray(graph.edge_vectors()), axis=1).reshape(slots)
    r = np.where(np.asarray(graph.edge_mask).reshape(slots), r.round(6), np.inf)
    first = np.argsort(r, axis=1, kind="stable")[:, :n]
    edges = (first + graph.degree * np.arange(graph.n_nodes)[:, None]).ravel()
    return graph.replace(
        senders=graph.senders[edges],
        shifts=graph.shifts[edges],
        edge_mask=graph.edge_mask[edges],
    ).astype(predictor.dtype)


@needs_weights
def test_cutting_straddling_shells_as_the_original_code_does_gives_the_same(reference):
    crystals, predictions = reference
    at = [i for i, c in enumerate(crystals) if c.n_atoms <= 10 and straddles(c)][:4]
    assert len(at) == 4
    expected = np.array(predictions["formation-energy-per-atom"])[at]
    predictor = load_predictor("cgcnn-formation-energy-per-atom", dtype=jnp.float32)
    plain = predictor.replace(model=predictor.model.clone(n_nearest=None))
    shared = [result.value for result in predictor([crystals[i] for i in at])]
    graphs = [first_neighbors(plain, crystals[i]) for i in at]
    cut = [plain.of_graph(graph)[0].value for graph in graphs]
    for found in (shared, cut):
        assert_allclose(found, expected, atol=5e-5, rtol=0)  # float32 round-off


def straddles(crystal):
    """Whether the twelfth place of some atom lies inside a shell."""
    receivers = nearest_neighbors(crystal, 8.0, 12).receivers
    return np.bincount(receivers).max() > 12


def swapped(crystal):
    """The same crystal with its atoms in the opposite order."""
    return crystal.replace(
        numbers=crystal.numbers[::-1], fractional=crystal.fractional[::-1]
    )


@needs_weights
def test_where_a_straddling_shell_mixes_elements_only_shares_are_well_defined():
    # The twelfth place of an oxygen falls between four Sr and eight O at one distance.
    sites = [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    crystal = Crystal.create(
        ["Sr", "Ti", "O", "O", "O"], 3.905 * np.eye(3), fractional=sites
    )
    predictor = load_predictor("cgcnn-formation-energy-per-atom")
    ours = [x.value for x in predictor([crystal, swapped(crystal)])]
    assert_allclose(ours[0], ours[1], rtol=1e-12)  # round-off

    plain = predictor.replace(model=predictor.model.clone(n_nearest=None))
    graphs = (first_neighbors(plain, c) for c in (crystal, swapped(crystal)))
    cut = [plain.of_graph(graph)[0].value for graph in graphs]
    assert abs(cut[0] - cut[1]) > 2e-3


@needs_weights
def test_published_networks_are_loaded_by_the_package_in_the_default_precision():
    predictor = mj.load_predictor("cgcnn-bulk-moduli")
    assert predictor.dtype == jnp.float64  # the tests run in 64-bit mode
    assert predictor.units == ("GPa",)
    assert predictor.logarithmic == (True,)
    assert len(predictor.species) == 100


def test_misspelt_name_gets_the_nearest():
    with pytest.raises(ValueError, match="did you mean cgcnn-band-gap"):
        load_predictor("cgcnn-bandgap")


def test_without_weights_the_error_says_where_they_may_be_put(monkeypatch, tmp_path):
    for variable in ("MATJAX_DATA", "MATJAX_MODELS", "MATJAX_CACHE"):
        monkeypatch.setenv(variable, str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"band-gap\.npz .*'cgcnn_pretrained'"):
        load_predictor("cgcnn-band-gap")


@pytest.mark.parametrize("variable", ["MATJAX_DATA", "MATJAX_MODELS"])
def test_weights_are_found_in_named_folders(variable, small, monkeypatch, tmp_path):
    for other in ("MATJAX_DATA", "MATJAX_MODELS", "MATJAX_CACHE"):
        monkeypatch.setenv(other, str(tmp_path / "none"))
    path = small()
    monkeypatch.setenv(variable, str(path.parent))
    assert find(Converted("gap.npz", "gap", "eV", False)) == path


@pytest.fixture
def small(tmp_path):
    """Writes a small file of the format, with arrays of one's own."""
    n, h, basis, n_features = 3, 2, 41, 5
    rng = np.random.default_rng(0)

    def linear(name, outputs, inputs):
        return {
            f"{name}.weight": rng.normal(size=(outputs, inputs)),
            f"{name}.bias": rng.normal(size=outputs),
        }

    def norm(name, size):
        keys = ("weight", "bias", "running_mean", "running_var")
        return {f"{name}.{key}": rng.random(size) + 0.5 for key in keys}

    state = {
        **linear("embedding", n, n_features),
        **linear("convs.0.fc_full", 2 * n, 2 * n + basis),
        **norm("convs.0.bn1", 2 * n),
        **norm("convs.0.bn2", n),
        **linear("conv_to_fc", h, n),
        **linear("fcs.0", h, h),
        **linear("fc_out", 1, h),
    }
    settings = {"task": "regression", "n_out": 1}
    settings |= {"atom_fea_len": n, "h_fea_len": h, "n_conv": 1, "n_h": 2}
    arrays = {
        f"state/{name}": value.astype(np.float32) for name, value in state.items()
    }
    arrays |= {"normalizer/mean": np.float64(2.0), "normalizer/std": np.float64(0.5)}
    table = {z: rng.integers(0, 2, n_features).tolist() for z in (6, 14)}

    def write(*, table=table, settings=settings, without="", **more):
        kept = {k: v for k, v in (arrays | more).items() if k != without}
        path = tmp_path / "gap.npz"
        np.savez(path, args=json.dumps(settings), **kept)
        (tmp_path / "atom_init.json").write_text(json.dumps(table))
        return path

    return write


def test_key_table_fills_every_parameter(small):
    predictor = read_cgcnn(small(), GAP)
    assert predictor.dtype == jnp.float32
    assert predictor.species == (6, 14)
    assert predictor.model.head == (2, 2)
    assert (predictor.model.scale, predictor.model.shift) == (0.5, 2.0)
    with np.load(small()) as file:
        expected = sum(
            file[name].size
            for name in file.files
            if name.startswith("state/") and "running" not in name
        )
    embedding = 3 * 5 - 2 * 3 + 3  # two rows in place of a matrix and a bias
    found = sum(x.size for x in jax.tree.leaves(predictor.params))
    assert found == expected - embedding


def test_batch_normalization_becomes_scale_and_offset(small):
    predictor = read_cgcnn(small(), GAP)
    with np.load(small()) as file:
        w, b, mean, variance = (
            file[f"state/convs.0.bn2.{key}"]
            for key in ("weight", "bias", "running_mean", "running_var")
        )
    x = np.random.default_rng(1).normal(size=3)
    norm = predictor.params["layer_0"]["norm_sum"]
    expected = (x - mean) / np.sqrt(variance + 1e-5) * w + b
    assert_allclose(x * norm["scale"] + norm["bias"], expected, rtol=1e-6)  # float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"without": "state/fc_out.bias"}, r"missing: fc_out\.bias"),
        ({"without": "normalizer/mean"}, "normalizer/mean"),
        ({"state/convs.1.bn1.bias": np.ones(6)}, r"extra: convs\.1\.bn1\.bias"),
        ({"state/fc_out.bias": np.array([np.nan])}, r"fc_out\.bias: .* not finite"),
        ({"state/fc_out.bias": np.ones(2)}, r"fc_out\.bias: float32 \(2,\), needed"),
        ({"state/embedding.weight": np.ones((3, 4))}, "shapes do not fit"),
        ({"settings": {"task": "regression"}}, "atom_fea_len"),
        ({"table": {6: [1, 0, 1, 1, 0], 14: [1]}}, "list of numbers for each"),
        ({"table": {6: [1, 0, 1, 1, 0], 200: [1] * 5}}, "needs atomic numbers"),
    ],
)
def test_file_with_something_else_says_what(small, change, message):
    with pytest.raises(ValueError, match=message):
        read_cgcnn(small(**change), GAP)


def test_classifiers_are_refused(small):
    settings = {"atom_fea_len": 3, "h_fea_len": 2, "n_conv": 1, "n_h": 2}
    path = small(settings=settings | {"task": "classification", "n_out": 2})
    with pytest.raises(ValueError, match="a regression with one output is needed"):
        read_cgcnn(path, GAP)


def test_truncated_and_foreign_files_are_refused(small):
    path = small()
    content = path.read_bytes()
    for wrong in (content[: len(content) // 2], b"nonsense"):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match="another format, or a damaged download"):
            read_cgcnn(path, GAP)


def test_table_of_elements_must_lie_beside_the_weights(small):
    path = small()
    path.with_name("atom_init.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"atom_init\.json is missing"):
        read_cgcnn(path, GAP)


def test_pickled_arrays_are_not_read(small):
    path = small(**{"state/fc_out.bias": np.array([{}], dtype=object)})
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        read_cgcnn(path, GAP)
