"""From a formula to ranked crystals, with an untrained generator of argon."""

import json

import pytest

from matjax.crystals import Crystal, read_all, write
from matjax.generate import (
    Coverage,
    Generator,
    ProcessConfig,
    Recipe,
    Scales,
    save_generator,
)
from matjax.models import make_model
from matjax.predictors import initial_parameters
from matjax.studies import catalog
from tests.experiments.test_training import run
from tests.generate.test_generator import NETWORK
from tests.generate.test_refinement import FCC

ARGON = {"potential": "lennard-jones-ar", "potential_precision": "float64"}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    argon = Crystal.create(["Ar"], FCC, fractional=[[0.0, 0.0, 0.0]])
    recipe = Recipe(
        process=ProcessConfig(),
        scales=Scales(float(argon.volume), 0.2),
        coverage=Coverage.of([argon], "argon"),
        method="ode",
        steps=3,
    )
    model = make_model(NETWORK, "denoiser", species=(18,))
    generator = Generator(initial_parameters(model), model, recipe)
    path = tmp_path_factory.mktemp("argon") / "argon.safetensors"
    return str(save_generator(generator, path))


def test_a_formula_becomes_ranked_crystals(file, tmp_path):
    settings = {"formula": "Ar", "n": 2, "generator": file, "n_phonons": 1, **ARGON}
    settings["steer"] = {"energy": 1.0, "start": 0.5}
    metrics = run("generate_predict", tmp_path / "run", settings)
    assert metrics["n_samples"] == 2
    assert metrics["best_energy_eV_per_atom"] < -0.07  # near that of the lattice
    assert metrics["network_evaluations"] == 3
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"candidates.csv", "candidates.png", "candidate_01.cif"} <= names
    assert {"samples.extxyz", "denoising.gif"} <= names
    assert len(read_all(tmp_path / "run" / "denoising.extxyz")) == 3
    assert json.loads((tmp_path / "run" / "metrics.json").read_text()) == metrics


@pytest.mark.parametrize(
    ("settings", "answer"),
    [
        ({"formula": "Kr"}, "holds Kr.*trained on argon"),
        ({"formula": "Ar", "n_formula": 2}, r"2 Ar: .* this one has 2"),
        ({"formula": "Ar", "potential": "morse-cu"}, "morse-cu knows nothing of Ar"),
        ({}, "needs a formula"),
        ({"formula": "Ar", "space_group": "P9"}, "1 to 230"),
        ({"formula": "Ar", "conditions": {"gap": 1.0}}, "takes no condition 'gap'"),
    ],
)
def test_what_cannot_be_made_is_said_before_anything_is(
    file, tmp_path, settings, answer
):
    with pytest.raises(ValueError, match=answer):
        run("generate_predict", tmp_path, {"generator": file, **ARGON, **settings})


def test_without_a_generator_what_there_is_is_said(tmp_path):
    with pytest.raises(ValueError, match="formula is needed, or a generator"):
        run("generate_predict", tmp_path / "none", ARGON)
    with pytest.raises(ValueError, match=r"cover 1 Kr7.*generator=FILE"):
        run("generate_predict", tmp_path / "kr", {"formula": "Kr7", **ARGON})


def test_the_configuration_finds_its_experiment():
    study = catalog.find_study("generate/predict")
    assert study.reference == "generate_predict"


def test_known_crystals_are_found_again(file, tmp_path, monkeypatch):
    pytest.importorskip("pymatgen", reason="the metrics extra is not installed")
    truth = Crystal.create(["Ar"], FCC, fractional=[[0.0, 0.0, 0.0]])
    write(tmp_path / "truth.extxyz", truth)
    settings = {
        **{"generator": file, "truth": str(tmp_path / "truth.extxyz"), "n": 2},
        **{"n_crystals": 1, "potential": "lennard-jones-ar", "fmax": 0.01},
    }
    metrics = run("generate_recover", tmp_path / "run", settings)
    assert metrics["n_found"] == metrics["n_found_beside_relaxed"] == 1
    assert metrics["stable_percent"] == 100  # close-packed argon
    assert (tmp_path / "run" / "recovered.csv").exists()
    table = (tmp_path / "run" / "recovered.csv").read_text().splitlines()
    assert (
        dict(zip(table[0].split(","), table[1].split(","), strict=True))["n_stable"]
        == "2"
    )
