"""The experiment that trains a generator, from frames to its file and its metrics."""

import ase.io
import jax
import numpy as np
import pytest

from matjax.crystals import read_all, write
from matjax.generate import load_generator
from tests.experiments.test_training import run
from tests.generate.evaluate.perovskites import perovskite
from tests.generate.variational import SMALL

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
        "truth": perovskites,
        "held_out": 0.25,
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


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.5])
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


@pytest.mark.slow
def test_conditions_are_learnt_from_scratch_and_by_adapters_on_a_base(tmp_path):
    path = tmp_path / "labeled.extxyz"
    frames = [perovskite(a).to_ase() for a in (3.8, 3.9, 4.0, 4.1)]
    for gap, frame in enumerate(frames):
        frame.info["gap"] = float(gap)
    ase.io.write(path, frames)
    small = {"hidden": "2x0e + 1x1o", "layers": 1, "basis": 2, "radial_widths": [2]}
    settings = {
        "train": str(path),
        "validation": str(path),
        "network": {"name": "mattergen", "degree": 60, "adapter": 2, **small},
        "condition": ["gap", "chemical_system"],
        "batch_size": 2,
        "fit": {"epochs": 1},
        "sampling": {"steps": 2, "n": 1},
    }
    run("generate", tmp_path / "base", settings)
    file = tmp_path / "base" / "generator.safetensors"
    base = load_generator(file)
    assert base.model.conditions == ("gap", "chemical_system")
    run("generate", tmp_path / "adapted", settings | {"base": str(file)})
    adapted = load_generator(tmp_path / "adapted" / "generator.safetensors")
    for name, values in adapted.params.items():
        same = [
            np.array_equal(a, b)
            for a, b in zip(
                *map(jax.tree.leaves, (values, base.params[name])), strict=True
            )
        ]
        assert all(same) != name.startswith("adapter_")
    asked = {"gap": 2.0, "chemical_system": "Sr-Ti-O"}
    assert adapted.sample("SrTiO3", conditions=asked)[0].n_atoms == 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "elements"),
    [
        ({"name": "cdvae"}, "composition"),
        ({"name": "symat"}, "latent"),
        ({"name": "cdvae", "prior": "gaussian", "told": ["composition"]}, "given"),
    ],
)
def test_networks_with_latents_are_trained_alike(
    network, elements, perovskites, tmp_path
):
    settings = {
        "train": perovskites,
        "validation": perovskites,
        "network": {**SMALL, **network},
        "process": {"fractional": "cartesian", "cell": "latent", "elements": elements},
        "weights": {"divergence": 0.1},
        "batch_size": 2,
        "fit": {"epochs": 2},
        "sampling": {"steps": 2, "n": 2, "n_20": 0, "n_new": 2, "n_workers": 1},
    }
    metrics = run("generate", tmp_path / "run", settings)
    name = "predictions" if elements == "given" else "samples"
    assert metrics[f"n_{name}"] == 2
    assert "val_divergence_loss_mae" in metrics
    generator = load_generator(tmp_path / "run" / "generator.safetensors")
    assert generator.model.sizes == (5,)


def test_weights_of_losses_that_are_not_there_are_refused(perovskites, tmp_path):
    settings = {"train": perovskites, "validation": perovskites, "network": TINY}
    settings["weights"] = {"elements": 2.0}
    with pytest.raises(ValueError, match="no loss of 'elements' to weigh"):
        run("generate", tmp_path / "run", settings)
