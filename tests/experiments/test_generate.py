"""The experiment that trains a generator, from frames to its file and its metrics."""

import pytest

from matjax.crystals import write
from matjax.generate import load_generator
from tests.experiments.test_training import run
from tests.generate.test_evaluate import perovskite

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
        "sampling": {"steps": 2, "n": 3},
    }
    metrics = run("generate", tmp_path / "run", settings)
    assert metrics["n_sampled"] == 3
    assert metrics["n_not_finite"] == 0
    assert metrics["network_evaluations"] == 2
    assert 0 <= metrics["match_rate_percent"] <= 100
    generator = load_generator(tmp_path / "run" / "generator.safetensors")
    assert generator.coverage.n_atoms == (5,)
    assert generator.sample("SrTiO3")[0].n_atoms == 5
    assert (tmp_path / "run" / "samples.extxyz").is_file()


@pytest.mark.slow
def test_elements_that_were_not_trained_on_are_not_judged(perovskites, tmp_path):
    other = tmp_path / "other.extxyz"
    write(other, perovskite(numbers=[56, 22, 8, 8, 8]))
    settings = {"train": perovskites, "validation": str(other), "network": TINY}
    with pytest.raises(ValueError, match="holds Ba"):
        run("generate", tmp_path / "run", settings)


def test_elements_are_generated_too(perovskites, tmp_path):
    settings = {
        "train": perovskites,
        "validation": perovskites,
        "network": TINY,
        "process": {"fractional": "diffusion", "cell": "diffusion"},
        "batch_size": 2,
        "fit": {"epochs": 1},
        "sampling": {"method": "ancestral", "steps": 2, "n": 3},
    }
    settings["process"]["elements"] = "absorbing"
    metrics = run("generate", tmp_path / "run", settings)
    assert metrics["n_sampled"] == 3
    assert "match_rate_percent" not in metrics
    assert "val_elements_loss_mae" in metrics


LATENT = {
    "cutoff": 3.0,
    "features": 8,
    "layers": 1,
    "channels": 2,
    "basis": 3,
    "latent": 4,
    "width": 6,
    "times": 3,
}


@pytest.mark.parametrize(
    ("network", "elements"),
    [
        ({"name": "cdvae"}, "composition"),
        pytest.param({"name": "symat"}, "latent", marks=pytest.mark.slow),
        pytest.param(
            {"name": "cdvae", "prior": "gaussian", "told": ["composition"]},
            "given",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_networks_with_latents_are_trained_alike(
    network, elements, perovskites, tmp_path
):
    settings = {
        "train": perovskites,
        "validation": perovskites,
        "network": {**LATENT, **network},
        "process": {"fractional": "cartesian", "cell": "latent", "elements": elements},
        "weights": {"divergence": 0.1},
        "batch_size": 2,
        "fit": {"epochs": 2},
        "sampling": {"steps": 2, "n": 2},
    }
    metrics = run("generate", tmp_path / "run", settings)
    assert metrics["n_sampled"] == 2
    assert "val_divergence_loss_mae" in metrics
    generator = load_generator(tmp_path / "run" / "generator.safetensors")
    assert generator.model.sizes == (5,)


def test_weights_of_losses_that_are_not_there_are_refused(perovskites, tmp_path):
    settings = {"train": perovskites, "validation": perovskites, "network": TINY}
    settings["weights"] = {"elements": 2.0}
    with pytest.raises(ValueError, match="no loss of 'elements' to weigh"):
        run("generate", tmp_path / "run", settings)
