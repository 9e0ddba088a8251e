"""Numbers and figures of samples beside data."""

import json
import math

import pytest
from numpy.testing import assert_allclose

from matjax.crystals import crystal_to_json, write
from matjax.screening.pipeline import Given
from matjax.screening.table import Row
from matjax.studies import (
    Run,
    Truth,
    judge_energies,
    judge_new,
    judge_predicted,
    judging,
)
from tests.generate.evaluate.perovskites import SITES, perovskite

BARIUM = [56, 22, 8, 8, 8]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("MATJAX_CACHE", str(tmp_path / "cache"))
    return Run(tmp_path / "run")


def test_new_crystals_have_all_numbers_and_figures(run):
    for package in ("smact", "pymatgen", "matminer"):
        pytest.importorskip(package)
    samples = [
        perovskite(3.9),
        perovskite(3.9, sites=SITES + 0.2),
        perovskite(0.6),
        None,
    ]
    truth = Truth("perov_5", [perovskite(3.9)], training=[perovskite(numbers=BARIUM)])
    metrics = judge_new(samples, truth, run, n_workers=1)
    assert_allclose(metrics.pop("wasserstein_density"), 0, atol=1e-6)
    assert metrics == {
        "validity_structure_percent": 50.0,
        "validity_composition_percent": 75.0,
        "cov_recall_percent": 100.0,
        "cov_precision_percent": 50.0,
        "n_valid": 2,
        "wasserstein_elements": 0.0,
        "unique_percent": 50.0,
        "novel_percent": 100.0,
    }
    written = {path.name for path in run.folder.iterdir()}
    assert written == {"distributions.png", "samples.png"}


def test_of_samples_that_are_not_valid_shares_alone_are_told(run):
    for package in ("smact", "pymatgen", "matminer"):
        pytest.importorskip(package)
    metrics = judge_new([None], Truth("mine", [perovskite()]), run, n_workers=1)
    assert metrics["n_valid"] == 0
    assert metrics["cov_recall_percent"] == 0
    assert "wasserstein_density" not in metrics


def test_the_first_prediction_and_the_best_of_several_are_told(run):
    pytest.importorskip("pymatgen")
    swapped = perovskite(numbers=[22, 8, 38, 8, 8])
    sets = [[swapped, perovskite()], [perovskite()], [None]]
    metrics = judge_predicted(sets, [perovskite()] * 2, run, n_workers=1)
    assert metrics["match_rate_percent"] == 50.0
    assert metrics["match_rate_3_percent"] == 100.0
    assert metrics["n_predicted_3"] == 1


def test_energies_count_from_those_of_the_elements_of_the_truth(run, monkeypatch):
    def row(crystal, energy, lowest=1.0):
        values = {"energy_eV_per_atom": energy, "lowest_frequency_THz": lowest}
        return Row("", Given({}, {}), values, "", crystal_to_json(crystal), 0.0)

    failed = Row("", Given({}, {}), {}, "it failed", None, 0.0)
    salt = perovskite(numbers=[11, 17, 17, 17, 17])
    found = {
        "energies_truth": [row(perovskite(), -5.0)] * 2,
        "energies": [row(perovskite(), -4.0), row(salt, -9.0), failed],
        "stability": [row(perovskite(), -4.75, -2.0), row(salt, -9.0), failed],
    }
    monkeypatch.setattr(judging, "_screen", lambda _, name, **others: found[name])
    metrics = judge_energies(
        [perovskite()], "perov_5/test", "some", run, n=3, n_workers=1
    )
    # Of the salt's elements the truth says nothing.
    assert metrics["n_energies"] == 1
    assert_allclose(metrics["wasserstein_energy_eV_per_atom"], 1.0)
    assert_allclose(metrics["energy_above_reference_relaxed_eV_per_atom"], 0.25)
    assert_allclose(metrics["stable_percent"], 100 / 3)
    assert judge_energies([], "perov_5/test", "some", run, n=3, n_workers=1) == {
        "n_energies": 0
    }


@pytest.mark.slow
def test_energies_are_those_of_a_potential(run, tmp_path):
    from tests.train.argon import dataset

    crystals = [example.crystal for example in dataset(n=2, seed=0).examples]
    path = tmp_path / "truth.extxyz"
    write(path, crystals)
    metrics = judge_energies(
        crystals[:1], str(path), "lennard-jones-ar", run, n=2, n_workers=1
    )
    assert metrics["n_energies"] == 1
    assert math.isfinite(metrics["wasserstein_energy_eV_per_atom"])
    assert json.loads((run.folder / "energies.jsonl").read_text().splitlines()[-1])
