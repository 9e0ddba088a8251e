"""The experiment that trains a generator, from frames to its file and its metrics."""

import pytest

from matjax.crystals import read_all, write
from matjax.generate import load_generator
from tests.experiments.test_training import run
from tests.generate.evaluate.perovskites import perovskite

TINY = {"name": "diffcsp", "features": 8, "layers": 1, "frequencies": 2, "times": 3}


@pytest.fixture
def perovskites(tmp_path):
    path = tmp_path / "perovskites.extxyz"
    write(path, [perovskite(a) for a in (3.8, 3.9, 4.0, 4.1)])
    return str(path)


def test_a_generator_is_trained_and_judged(perovskites, tmp_path):
    pytest.importorskip("pymatgen")
    settings = {
        "train": perovskites,
        "validation": perovskites,
        "network": TINY,
        "batch_size": 2,
        "fit": {"epochs": 2},
        "sampling": {"steps": 2, "n": 3, "n_20": 1, "n_workers": 1},
    }
    metrics = run("generate", tmp_path / "run", settings)
    assert metrics["n_predictions"] == 3
    assert metrics["n_predictions_not_finite"] == 0
    assert metrics["network_evaluations"] == 2
    assert 0 <= metrics["match_rate_percent"] <= 100
    assert 0 <= metrics["match_rate_20_percent"] <= 100
    assert metrics["n_predicted_20"] == 1
    generator = load_generator(tmp_path / "run" / "generator.safetensors")
    assert generator.coverage.n_atoms == (5,)
    assert generator.sample("SrTiO3")[0].n_atoms == 5
    assert (
        len(read_all(tmp_path / "run" / "predictions.extxyz.gz", allow_close=True)) == 3
    )


@pytest.mark.slow
def test_elements_that_were_not_trained_on_are_not_judged(perovskites, tmp_path):
    other = tmp_path / "other.extxyz"
    write(other, perovskite(numbers=[56, 22, 8, 8, 8]))
    settings = {"train": perovskites, "validation": str(other), "network": TINY}
    with pytest.raises(ValueError, match="holds Ba"):
        run("generate", tmp_path / "run", settings)


@pytest.mark.parametrize("share", [pytest.param(0.0, marks=pytest.mark.slow), 0.5])
def test_elements_are_generated_too(perovskites, tmp_path, share):
    for package in ("smact", "matminer"):
        pytest.importorskip(package)
    settings = {
        "train": perovskites,
        "validation": perovskites,
        "network": TINY,
        "process": {
            "fractional": "diffusion",
            "cell": "flow",
            "elements": "absorbing",
            "given_share": share,
        },
        "batch_size": 2,
        "fit": {"epochs": 1},
        "sampling": {
            **{"method": "ancestral", "steps": 2},
            **{"n": 2, "n_20": 0, "n_new": 3, "n_workers": 1},
        },
    }
    metrics = run("generate", tmp_path / "run", settings)
    assert metrics["n_samples"] == 3
    assert ("match_rate_percent" in metrics) == (share > 0)
    assert "match_rate_20_percent" not in metrics
    assert "val_elements_loss_mae" in metrics
    for name in ("validity_structure", "cov_recall", "cov_precision"):
        assert 0 <= metrics[f"{name}_percent"] <= 100
    assert len(read_all(tmp_path / "run" / "samples.extxyz.gz", allow_close=True)) == 3
