"""Samples of any generator, judged by one command."""

import pytest

from matjax.config import ConfigError
from matjax.crystals import write
from matjax.studies import catalog
from tests.experiments.test_training import run
from tests.generate.evaluate.perovskites import SITES, perovskite


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setenv("MATJAX_CACHE", str(tmp_path / "cache"))
    samples, truth = tmp_path / "samples.extxyz", tmp_path / "truth.extxyz"
    met = SITES.copy()
    met[1] = [0.01, 0, 0]
    write(samples, [perovskite(3.9, sites=SITES + 0.1), perovskite(sites=met)])
    write(truth, [perovskite(3.9), perovskite(numbers=[56, 22, 8, 8, 8])])
    return {"samples": str(samples), "truth": str(truth), "n_workers": 1}


def test_the_command_stands_beside_those_that_generate():
    assert (
        catalog.find_study("generate/evaluate").experiment.stem == "generate_evaluate"
    )


def test_new_crystals_are_judged(files, tmp_path):
    for package in ("smact", "pymatgen", "matminer"):
        pytest.importorskip(package)
    settings = {**files, "train": files["truth"], "n_missing": 2, "everyone": True}
    metrics = run("generate_evaluate", tmp_path / "run", settings)
    assert metrics["n_samples"] == 4
    assert metrics["validity_structure_percent"] == 25.0
    assert metrics["validity_composition_percent"] == 50.0
    assert metrics["novel_percent"] == 0.0
    assert metrics["metre_percent"] == 50.0
    assert (tmp_path / "run" / "distributions.png").is_file()


def test_predictions_are_matched_in_their_order(files, tmp_path):
    pytest.importorskip("pymatgen")
    metrics = run("generate_evaluate", tmp_path / "run", {**files, "predicted": True})
    assert metrics["match_rate_percent"] == 50.0
    with pytest.raises(ConfigError, match="received 3 samples and 2 structures"):
        run(
            "generate_evaluate",
            tmp_path / "other",
            {**files, "predicted": True, "n_missing": 1},
        )


def test_samples_or_a_generator_are_judged(files, tmp_path):
    told = {k: v for k, v in files.items() if k != "samples"}
    for more in ({}, {**files, "generator": "b.safetensors"}):
        with pytest.raises(ConfigError, match="and not both"):
            run("generate_evaluate", tmp_path / str(len(more)), {**told, **more})
