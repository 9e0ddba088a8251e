"""Weights of the first MEGNet: their errors on data, files that are not right."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import ase.io
import jax
import numpy as np
import pytest

from matjax.crystals import Crystal, neighbors
from matjax.weights import PRETRAINED, find, load_predictor, read_megnet
from matjax.weights.matgl_config import settings_path
from matjax.weights.megnet import ROOT, key_table
from tests.weights.damaged_files import refused

DATA = Path(os.environ.get("MATJAX_DATA", "nowhere"))
ELASTIC = DATA / "matcalc" / "mp-binary-pbe-elasticity-2025.1.extxyz.gz"
REFERENCE = DATA.parent / "reference"
NAMES = [name for name in PRETRAINED if name.startswith("megnet-keras")]

needs_weights = pytest.mark.skipif(
    not (ELASTIC.is_file() and (REFERENCE / "matgl_properties.json.gz").is_file())
    or any(find(PRETRAINED[name]) is None for name in NAMES),
    reason="published weights or data are not on this machine",
)


def small_crystals(n):
    """Of at most eight atoms that all have neighbors, with the moduli of DFT."""
    found = []
    for atoms in ase.io.iread(ELASTIC, ":150"):
        crystal = Crystal.from_ase(atoms)
        near = np.unique(np.asarray(neighbors(crystal, 4.0).receivers))
        if crystal.n_atoms <= 8 and len(near) == crystal.n_atoms:
            found.append((crystal, atoms.info))
        if len(found) == n:
            break
    return zip(*found, strict=True)


@needs_weights
@pytest.mark.parametrize(
    ("name", "label", "published"),
    [
        ("log-k", "bulk_modulus_vrh", 0.05),
        pytest.param("log-g", "shear_modulus_vrh", 0.079, marks=pytest.mark.slow),
    ],
)
def test_moduli_have_the_published_error(name, label, published):
    """Crystals of the training set may be among them: errors are as small as told."""
    crystals, labels = small_crystals(24)
    predictor = load_predictor(f"megnet-keras-{name}")
    found = np.log10([x.value for x in predictor(list(crystals))])
    errors = np.abs(found - np.log10([x[label] for x in labels]))
    assert errors.mean() < 1.2 * published


@needs_weights
def test_formation_energies_are_near_those_of_the_second_code():
    """Another network of the same data, in matgl: both err by some 0.03 eV/atom."""
    with gzip.open(REFERENCE / "matgl_properties.json.gz", "rt") as file:
        told = json.load(file)["models"]["MEGNet-MP-2018.6.1-Eform"]["pred"]
    atoms = ase.io.read(REFERENCE / "structures.extxyz", f":{len(told)}")
    predictor = load_predictor("megnet-keras-formation-energy")
    found = [x.value for x in predictor([Crystal.from_ase(a) for a in atoms])]
    assert np.abs(np.array(found) - told).mean() < 0.03


@pytest.mark.slow
@needs_weights
def test_each_published_network_is_read_with_its_settings():
    for name in NAMES:
        predictor = load_predictor(name)
        entry = PRETRAINED[name]
        assert predictor.units == (entry.unit,)
        assert predictor.logarithmic == (entry.logarithmic,)
        assert len(predictor.species) == 89
        assert not {84, 85, 86, 87, 88} & set(predictor.species)
    fermi = load_predictor("megnet-keras-fermi-energy").model
    assert (fermi.cutoff, fermi.reach) == (5.0, 6.0)
    assert fermi.scale == pytest.approx(2.7299421494308738)


SETTINGS = {
    "graph_converter": {
        "@class": "CrystalGraph",
        "bond_converter": {
            "@class": "GaussianDistance",
            "centers": {"data": np.linspace(0, 5, 100).tolist()},
            "width": 0.5,
        },
        "cutoff": 4.0,
    },
    "metadata": {"unit": "eV"},
}
FERMI = PRETRAINED["megnet-keras-fermi-energy"]


def original_state():
    """Arrays of random numbers, of the shapes that the original network has."""
    rng = np.random.default_rng(0)
    dense = [(16, 64), (64, 32), (100, 64), (64, 32), (2, 64), (64, 32)]
    dense += [(32, 64), (64, 32)] * 6 + [(96, 32), (32, 16), (16, 1)]
    shapes = {"embedding_1|embedding_1|embeddings:0": (95, 16)}
    for k, (inputs, outputs) in enumerate(dense, start=1):
        shapes[f"dense_{k}|dense_{k}|kernel:0"] = (inputs, outputs)
        shapes[f"dense_{k}|dense_{k}|bias:0"] = (outputs,)
    for i in (1, 2, 3):
        for kind, n in (("e", 128), ("v", 96), ("u", 96)):
            layer = f"meg_net_layer_{i}|" * 3 + f"phi_{kind}|"
            for k, size in enumerate([(n, 64), (64, 64), (64, 32)]):
                shapes[f"{layer}weight_{kind}_{k}:0"] = size
                shapes[f"{layer}bias_{kind}_{k}:0"] = size[1:]
    for k in (1, 2):
        name = f"set2_set_{k}|set2_set_{k}|"
        shapes[f"{name}x_to_m_weight:0"] = (32, 16)
        shapes[f"{name}x_to_m_bias:0"] = (16,)
        shapes[f"{name}recurrent_kernel:0"] = (32, 64)
        shapes[f"{name}recurrent_bias:0"] = (64,)
    return {
        f"{ROOT}|{name}": rng.normal(size=shape).astype(np.float32)
        for name, shape in shapes.items()
    }


@pytest.fixture
def small(tmp_path):
    """Writes a file of the format, with arrays and settings of one's own."""

    def write(*, settings=SETTINGS, without="", **more):
        state = {k: v for k, v in (original_state() | more).items() if k != without}
        path = tmp_path / "net.npz"
        np.savez(path, **state)
        settings_path(path).write_text(json.dumps(settings))
        return path

    return write


def test_every_array_is_used(small):
    scaler = {"@class": "StandardScaler", "mean": 1.0, "std": 2.0, "is_intensive": True}
    path = small(settings=SETTINGS | {"target_scaler": scaler})
    predictor = read_megnet(path, FERMI)
    assert (predictor.model.scale, predictor.model.shift) == (2.0, 1.0)
    assert not predictor.model.remembers
    used = {name for line in key_table(predictor.model) for name in line.sources}
    assert used == original_state().keys()
    # Rows of six elements are left out; the state is two zeros.
    expected = sum(x.size for x in original_state().values()) - 6 * 16 + 2
    assert sum(x.size for x in jax.tree.leaves(predictor.params)) == expected


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"without": f"{ROOT}|dense_21|dense_21|bias:0"}, r"missing: .*dense_21"),
        ({f"{ROOT}|dense_22": np.ones(2)}, "extra: .*dense_22"),
        (
            {f"{ROOT}|embedding_1|embedding_1|embeddings:0": np.ones((90, 16))},
            "must have a table of 95 elements",
        ),
        ({"settings": {}}, "graph_converter"),
    ],
)
def test_files_that_are_not_the_network_are_named(small, change, told):
    with pytest.raises(ValueError, match=told):
        read_megnet(small(**change), FERMI)


def test_uneven_gaussians_and_other_scalers_are_refused(small):
    bonds = SETTINGS["graph_converter"]["bond_converter"]
    uneven = bonds | {"centers": {"data": [0.0, 1.0, 4.0]}}
    graphs = SETTINGS["graph_converter"] | {"bond_converter": uneven}
    path = small(settings=SETTINGS | {"graph_converter": graphs})
    place = settings_path(path)
    assert "evenly spaced" in refused(lambda _: read_megnet(path, FERMI), place)
    scaler = {"@class": "StandardScaler", "mean": 1.0, "std": 0.0, "is_intensive": True}
    path = small(settings=SETTINGS | {"target_scaler": scaler})
    assert "std" in refused(lambda _: read_megnet(path, FERMI), place)
