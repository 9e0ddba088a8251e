"""Published CHGNet weights: the original code's numbers; files that are not right."""

from __future__ import annotations

import gzip
import json
import re

import ase.io
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.predictors import evaluate, other_outputs
from matjax.units import GPA as GPa
from matjax.weights import PRETRAINED, load_potential, read_chgnet
from tests.weights.chgnet_files import SETTINGS, arrays
from tests.weights.damaged_files import HUGE, refused
from tests.weights.placed_files import MODELS, STRUCTURES, is_placed, placed

VERSIONS = ("0.3.0", "0.2.0", "r2scan")
ENTRY = PRETRAINED["chgnet-0.3.0"]
REFERENCE = STRUCTURES.with_name("chgnet.json.gz")
needs_weights = pytest.mark.skipif(
    not REFERENCE.is_file() or not all(is_placed(f"chgnet-{v}") for v in VERSIONS),
    reason="published weights or their reference values are not on this machine",
)
SMALL = (4, 14)  # three and four atoms; the second one displaced and strained


def require_numbers(version, places, monkeypatch):
    """Energies, forces, stresses and moments of crystals are the original's."""
    monkeypatch.setenv("MATJAX_MODELS", str(MODELS))
    with gzip.open(REFERENCE, "rt") as file:
        predicted = json.load(file)["models"][version]["pred"]
    every = ase.io.read(STRUCTURES, ":")
    places = range(len(every)) if places is None else places
    crystals = [Crystal.from_ase(every[k]) for k in places]
    potential = load_potential(f"chgnet-{version}", dtype=jnp.float64)
    graph = potential.graph(crystals)
    result = jax.device_get(jax.jit(evaluate)(potential, graph))
    moments = other_outputs(potential).of_graph(graph)
    start = 0
    for row, (place, crystal) in enumerate(zip(places, crystals, strict=True)):
        atoms = slice(start, start := start + crystal.n_atoms)
        record = predicted[place]
        # The original computes in float32, angles near π among them.
        energy = result.energy[row] / crystal.n_atoms
        assert_allclose(energy, record["e"], atol=1e-5, rtol=0)
        assert_allclose(result.forces[atoms], record["f"], atol=1e-4, rtol=0)
        assert_allclose(result.stress[row] * GPa, record["s"], atol=1e-3, rtol=0)
        assert_allclose(moments[row]["magmoms"], record["m"], atol=1e-4, rtol=0)


@needs_weights
@pytest.mark.slow
def test_published_weights_give_the_numbers_of_the_original_code(monkeypatch):
    require_numbers("0.3.0", SMALL, monkeypatch)


@pytest.mark.slow
@needs_weights
@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_gives_the_numbers_of_all_crystals(version, monkeypatch):
    require_numbers(version, None, monkeypatch)


@pytest.mark.parametrize("biased", [False, True])
def test_every_number_of_a_file_is_used_but_of_the_last_angles(tmp_path, biased):
    given = arrays(biased=biased)
    potential = read_chgnet(placed(tmp_path, given, SETTINGS), ENTRY)
    assert potential.model.biased == biased
    used = [a for name, a in given.items() if not name.startswith("angle_layers.1.")]
    found = jax.tree.leaves(potential.params)
    assert sum(a.size for a in found) == sum(a.size for a in used)
    # Frequencies are stored in π; everything else as it is.
    radial = [a for name, a in given.items() if "rbf_expansion" in name]
    expected = sum(np.abs(a).sum(dtype=float) for a in used)
    expected -= (1 - 1 / np.pi) * sum(np.abs(a).sum(dtype=float) for a in radial)
    assert_allclose(sum(np.abs(a).sum(dtype=float) for a in found), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("mlp.layers.5.weight", None, r"missing: mlp\.layers\.5\.weight"),
        ("angle_layers.1.twoBody_bond.bn1.bias", None, "missing: angle_layers.1"),
        ("angle_layers.1.twoBody_bond.bn1.bias", np.zeros(3), r"needed are floats \(4"),
        ("site_wise.more", np.zeros(2), r"extra: site_wise\.more"),
        ("site_wise.weight", np.zeros((1, 3)), r"site_wise\.weight"),
        ("site_wise.weight", np.full((1, 4), np.nan), "not finite"),
        ("bond_embedding.weight", np.zeros((4, 6)), r"bond_embedding\.weight"),
    ],
)
def test_arrays_that_are_not_those_of_the_settings_are_named(
    tmp_path, name, array, message
):
    given = {**arrays(), name: array}
    given = {key: value for key, value in given.items() if value is not None}
    told = refused(
        lambda path: read_chgnet(path, ENTRY), placed(tmp_path, given, SETTINGS)
    )
    assert re.search(message, told)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("n_conv", v) for v in (0, 1, HUGE, None, 2.5)),
        *(("num_angular", v) for v in (8, 1, HUGE)),
        *(("atom_graph_cutoff", v) for v in (0, -1, 1e6, "6")),
        *(("read_out", v) for v in ("attn", None)),
        *(("mlp_first", v) for v in (False, None)),
        *(("non_linearity", v) for v in ("relu", 1)),
        *(("gMLP_norm", v) for v in ("batch", None)),
        *(("bond_fea_dim", v) for v in (5, 0, HUGE)),
        *(("skip_connection", v) for v in (True,)),
        *(("unknown", v) for v in (1,)),
    ],
)
def test_settings_that_our_network_does_not_have_are_refused(tmp_path, key, value):
    path = placed(tmp_path, {}, {**SETTINGS, key: value})
    with pytest.raises(ValueError, match=r"weights\.config\.json"):
        read_chgnet(path, ENTRY)


def test_weights_that_are_nowhere_must_be_placed_says_the_error(tmp_path, monkeypatch):
    monkeypatch.setenv("MATJAX_MODELS", str(tmp_path))
    monkeypatch.setenv("MATJAX_CACHE", str(tmp_path))
    with pytest.raises(
        FileNotFoundError, match=r"(?s)chgnet_0\.3\.0\.npz .* place their"
    ):
        load_potential("chgnet-0.3.0")
