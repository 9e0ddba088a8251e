"""Experiments that train: files, figures, metrics; they go on where they stopped."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.config import ConfigError, build_config
from matjax.crystals import Crystal
from matjax.studies import Run, catalog
from matjax.train import read_records
from matjax.weights import load_potential, load_predictor
from tests.data.examples import random_dataset, write_frames
from tests.train.argon import dataset

TINY = {"name": "nequip", "hidden": "4x0e + 2x1o", "lmax": 1, "layers": 1, "basis": 3}


def run(name, folder, settings, *, resume=False):
    experiment = catalog.load_experiment(catalog.experiments()[name])
    config = build_config(experiment.Config, settings, [])
    output = Run(folder, resume=resume)
    output.save_config(name, config)
    return output.save_metrics(experiment.main(config, output))


@pytest.fixture(scope="module")
def argon(tmp_path_factory):
    folder = tmp_path_factory.mktemp("argon")
    paths = []
    for k in range(2):
        examples = dataset(n=12, seed=k)
        paths.append(write_frames(folder / f"part{k}.extxyz", examples))
    return paths


def in_neon(path, folder):
    """A file of the same crystals, of another element."""
    changed = folder / "neon.extxyz"
    changed.write_text(path.read_text().replace("Ar ", "Ne "))
    return str(changed)


def test_a_potential_is_not_judged_on_elements_it_was_not_trained_on(argon, tmp_path):
    settings = {
        "train": str(argon[0]),
        "test": in_neon(argon[1], tmp_path),
        "model": {**TINY, "cutoff": 4.5, "radial_widths": [8]},
    }
    answer = "neon.extxyz holds Ne, first in neon.extxyz#0; the training set knows Ar"
    with pytest.raises(ValueError, match=answer):
        run("potential", tmp_path / "run", settings)
    assert not (tmp_path / "run" / "potential.safetensors").exists()


def test_a_pretrained_potential_is_not_trained_on_elements_it_does_not_know(
    argon, tmp_path
):
    settings = {"train": in_neon(argon[0], tmp_path), "pretrained": "lennard-jones-ar"}
    with pytest.raises(ValueError, match=r"holds Ne, .* lennard-jones-ar knows Ar"):
        run("potential", tmp_path / "run", settings)


@pytest.mark.parametrize(
    ("settings", "answer"),
    [
        ({"model": {**TINY, "cutoff": -1.0}}, "the key model: .*cutoff"),
        ({"model": {**TINY, "cutoff": 1e6}}, "the key model: .*cutoff"),
        ({"model": {**TINY, "layers": 0}}, "the key model: .*layers"),
        ({"model": {**TINY, "hidden": "2x1o"}}, "irreps must hold scalars"),
        ({"model": {**TINY, "species": [10]}}, "the key model knows Ne alone"),
        ({"model": {"name": "nequp"}}, "did you mean 'nequip'"),
        ({"fit": {"epochs": 10**12}}, "a training has 2147483647 steps at most"),
    ],
)
def test_settings_that_cannot_be_trained_are_refused(argon, tmp_path, settings, answer):
    default = {"model": {**TINY, "cutoff": 4.5, "radial_widths": [8]}}
    chosen = {"train": str(argon[0]), **default, **settings}
    with pytest.raises(ValueError, match=answer):
        run("potential", tmp_path / "run", chosen)


def test_precision_of_numbers_is_one_key_and_that_of_matrix_products_another():
    experiment = catalog.load_experiment(catalog.experiments()["potential"])
    config = build_config(
        experiment.Config, {"train": "x"}, ["matmul_precision=bfloat16"]
    )
    assert (config.precision, config.matmul_precision) == ("float32", "bfloat16")
    with pytest.raises(ConfigError, match=r"precision: .*float32.*float64"):
        build_config(experiment.Config, {"train": "x"}, ["precision=bfloat16"])


@pytest.mark.slow
def test_a_potential_is_trained_judged_and_kept(argon, tmp_path):
    settings = {
        "train": str(argon[0]),
        "test": str(argon[1]),
        "held_out": 0.25,
        "model": {**TINY, "cutoff": 4.5, "radial_widths": [8]},
        "losses": {"stress": {"weight": 1.0, "kind": "mae"}},
        "fit": {
            "epochs": 15,
            "average_decay": 0.0,
            "optimizer": {"learning_rate": 0.02},
        },
    }
    metrics = run("potential", tmp_path / "run", settings)
    records = read_records(tmp_path / "run")
    assert [r["epoch"] for r in records] == list(range(1, 16))
    assert records[-1]["train_loss"] < records[0]["train_loss"]
    # Energies of the elements are fitted first: what is left is far below them.
    assert metrics["test_energy_mae_meV_per_atom"] < 50
    assert metrics["test_stress_mae_GPa"] > 0
    potential = load_potential(tmp_path / "run" / "potential.safetensors")
    example = dataset(n=12, seed=1).examples[0]
    assert np.isfinite(potential(example.crystal).energy)
    with np.load(tmp_path / "run" / "test.npz") as saved:
        errors = abs(saved["forces_predicted"] - saved["forces_expected"])
    assert_allclose(1e3 * errors.mean(), metrics["test_force_mae_meV_per_A"], rtol=1e-6)
    for figure in ("learning.png", "parity.png"):
        assert (tmp_path / "run" / figure).stat().st_size > 5000

    again = run("potential", tmp_path / "run", settings, resume=True)
    assert again["test_force_mae_meV_per_A"] == metrics["test_force_mae_meV_per_A"]
    changed = {**settings, "batch_size": 3}
    with pytest.raises(ValueError, match=r"data\.batch_size: 4 -> 3"):
        run("potential", tmp_path / "run", changed, resume=True)


@pytest.mark.slow
def test_data_sets_are_mixed_by_weight(argon, tmp_path):
    settings = {
        "train": {str(argon[0]): 1, str(argon[1]): 3},
        "model": {**TINY, "cutoff": 4.5, "radial_widths": [8]},
        "fit": {"epochs": 1},
        "held_out": 0.25,
    }
    metrics = run("potential", tmp_path / "run", settings)
    assert metrics["n_examples"] == 18
    assert "test_energy_mae_meV_per_atom" not in metrics
    settings["train"][str(argon[1])] = 2
    with pytest.raises(
        ValueError, match=r"data\.weights: \(1.0, 3.0\) -> \(1.0, 2.0\)"
    ):
        run("potential", tmp_path / "run", settings, resume=True)


@pytest.mark.slow
def test_a_property_network_is_trained_beside_its_baselines(tmp_path):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    paths = [
        write_frames(tmp_path / f"part{k}.extxyz", random_dataset(24, seed=k))
        for k in range(2)
    ]
    settings = {
        "train": str(paths[0]),
        "test": str(paths[1]),
        "label": "gap",
        "unit": "eV",
        "batch_size": 8,
        "model": {"name": "cgcnn", "features": 8, "layers": 1, "cutoff": 5.0},
        "fit": {"epochs": 3},
    }
    metrics = run("properties", tmp_path / "run", settings)
    labels = [
        [e.labels["gap"] for e in random_dataset(24, seed=k).examples] for k in (0, 1)
    ]
    # The held-out part is not in the mean: three of 24 change it by some percent.
    of_mean = np.abs(np.array(labels[1]) - np.mean(labels[0])).mean()
    assert_allclose(metrics["test_gap_mae_eV_of_mean"], of_mean, rtol=0.1)
    assert 0 < metrics["test_gap_mae_eV"] < 1
    predictor = load_predictor(tmp_path / "run" / "predictor.safetensors")
    assert predictor.units == ("eV",)
    crystal = random_dataset(24).examples[0].crystal
    assert isinstance(crystal, Crystal)
    assert np.isfinite(predictor(crystal)["gap"])
