"""One potential learns phonons from another: what it finds, keeps and says."""

import json
import os
import subprocess
import sys

import ase.build
import ase.io
import numpy as np
import pytest
import yaml
from numpy.testing import assert_allclose

from matjax.config import build_config
from matjax.crystals import Crystal
from matjax.lattice_dynamics import phonons
from matjax.lattice_dynamics.phonopy import write_phonopy
from matjax.studies import Run, catalog
from matjax.weights import load_potential
from tests.distillation.noble import TRUTH, noble_crystals, pair_potential


def run(folder, settings, *, resume=False):
    experiment = catalog.load_experiment(catalog.experiments()["distill"])
    config = build_config(experiment.Config, settings, [])
    output = Run(folder, resume=resume)
    output.save_config("distill", config)
    return output.save_metrics(experiment.main(config, output))


@pytest.fixture
def crystals(tmp_path):
    return noble_crystals(tmp_path / "crystals.extxyz")


def on_pool(crystals, folder, **more):
    """Settings: two of these crystals are trained on, one is held out, one judged."""
    return {
        "teacher": pair_potential(folder / "teacher.safetensors", **TRUTH),
        "pretrained": pair_potential(folder / "student.safetensors"),
        "pool": {
            **{"data": crystals, "max_neighbors": 100},
            **{"train": 2, "held_out": 1, "test": 1},
        },
        "labels": {
            "n_columns": 6,
            "potential_precision": "float64",
            "mesh_length": 6.0,
        },
        "batch_size": 2,
        **more,
    }


@pytest.mark.slow
def test_a_potential_finds_another_one_by_its_phonons(crystals, tmp_path):
    more = {
        "losses": {"columns": {"weight": 10.0, "kind": "mse"}},
        "fit": {
            "epochs": 100,
            "validate_every": 50,
            "average_decay": 0.0,
            "optimizer": {"name": "adam", "learning_rate": 0.02, "warmup": 0.0},
        },
        "cost_atoms": 8,
    }
    metrics = run(tmp_path / "run", on_pool(crystals, tmp_path, **more))
    found = load_potential(tmp_path / "run" / "potential.safetensors").params
    # What Adam leaves at the end of its schedule.
    assert_allclose([found[k] for k in TRUTH], list(TRUTH.values()), rtol=3e-3)
    for key in ("max_frequency_mae_THz", "column_mae_meV_per_A2"):
        assert metrics[f"after_{key}"] < 0.05 * metrics[f"before_{key}"]
    assert metrics["before_max_frequency_bias_THz"] != 0
    assert metrics["n_left_out"] == 0
    assert metrics["column_memory_ratio"] > 1
    assert metrics["cost_supercell_atoms"] == 8
    for name in ("learning.png", "phonons.png"):
        assert (tmp_path / "run" / name).stat().st_size > 5000


@pytest.mark.slow
def test_two_devices_train_as_one_does(crystals, tmp_path):
    # Three copies are held out: one batch of two devices has a part that is empty.
    short = {"epochs": 3, "optimizer": {"learning_rate": 0.02}}
    other = ase.build.bulk("NeXe", "cesiumchloride", a=4.1)
    other.info["material_id"] = "other"
    ase.io.write(tmp_path / "others.extxyz", [other, *ase.io.read(crystals, ":")])
    beside = {"data": [str(tmp_path / "others.extxyz")], "max_neighbors": 100}
    settings = on_pool(crystals, tmp_path, fit=short, cotraining=beside)
    alone = run(tmp_path / "one", settings)
    assert alone["n_beside_copies"] == 3  # the other compositions are the pool's
    path = tmp_path / "argon.yaml"
    path.write_text(yaml.safe_dump({"experiment": "distill", **settings}))
    words = ["matjax", "run", str(path), "--out", str(tmp_path / "two")]
    subprocess.run(
        [sys.executable, "-m", *words],
        env={
            **os.environ,
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        },
        check=True,
        capture_output=True,
        timeout=300,
    )
    together = json.loads((tmp_path / "two" / "metrics.json").read_text())
    for key in alone.keys() - {"train_minutes", "structures_per_s"}:
        # Sums in another order, which Adam magnifies; forces vanish by symmetry.
        assert_allclose(together[key], alone[key], rtol=1e-6, atol=1e-12, err_msg=key)


@pytest.mark.slow
def test_a_result_may_be_a_mean_of_trainings_and_of_the_pretrained_one(
    crystals, tmp_path
):
    settings = on_pool(crystals, tmp_path, fit={"epochs": 1})
    run(tmp_path / "run", settings)
    path = tmp_path / "run" / "potential.safetensors"
    start = load_potential(settings["pretrained"]).params
    end = load_potential(path).params
    run(tmp_path / "run", {**settings, "interpolation": 0.25}, resume=True)
    for key, value in load_potential(path).params.items():
        assert start[key] != end[key]
        expected = 0.75 * start[key] + 0.25 * end[key]
        assert_allclose(value, expected, rtol=1e-12)  # round-off
    members = [{}, {"seed": 1, "losses": {"columns": {"weight": 9.0}}}]
    several = {**settings, "members": members}
    assert run(tmp_path / "several", several)["n_members"] == 2
    folders = (tmp_path / "several" / name for name in ("member_1", "member_2", ""))
    first, second, mean = (
        load_potential(folder / "potential.safetensors").params for folder in folders
    )
    assert first == end
    for key, value in mean.items():
        assert first[key] != second[key]
        assert_allclose(value, (first[key] + second[key]) / 2, rtol=1e-12)  # round-off
    with pytest.raises(ValueError, match="begins at a pretrained potential"):
        run(tmp_path / "other", {**settings, "interpolation": 0.5, "pretrained": None})
    with pytest.raises(ValueError, match="same pretrained potential"):
        run(tmp_path / "other", {**several, "pretrained": None})
    with pytest.raises(ValueError, match="two have equal settings"):
        run(tmp_path / "other", {**settings, "members": [{}, {}]})


@pytest.mark.slow
def test_a_potential_learns_the_force_constants_of_phonopys_files(tmp_path):
    teacher = load_potential(pair_potential(tmp_path / "teacher.safetensors", **TRUTH))
    crystal = Crystal.from_ase(ase.build.bulk("Ar", "fcc", a=5.3))
    # Opposite faces are 12.2 Å apart: no interaction is folded onto another one.
    write_phonopy(tmp_path / "argon", phonons(teacher, crystal), [4, 4, 4])
    settings = {
        "pretrained": pair_potential(tmp_path / "student.safetensors"),
        "phonopy": {"argon": str(tmp_path / "argon")},
        "labels": {"n_columns": 6, "potential_precision": "float64"},
        "losses": {"columns": {"weight": 10.0, "kind": "mse"}},
        "batch_size": 1,
        "fit": {
            "epochs": 30,
            "validate_every": 15,
            "average_decay": 0.0,
            "optimizer": {"name": "adam", "learning_rate": 0.01, "warmup": 0.0},
        },
    }
    metrics = run(tmp_path / "run", settings)
    for key in ("max_frequency_mae_THz", "column_mae_meV_per_A2"):
        assert metrics[f"after_{key}"] < 0.02 * metrics[f"before_{key}"]
    assert not any("energy" in key for key in metrics)
    # 64 q, three columns of each.
    copies = [metrics[f"n_{part}_copies"] for part in ("train", "held_out", "test")]
    assert copies == [21, 3, 8]
    with pytest.raises(ValueError, match="needs a pretrained potential"):
        run(tmp_path / "other", {**settings, "pretrained": None})
    with pytest.raises(ValueError, match="leave them out"):
        run(tmp_path / "other", {**settings, "cost_atoms": 8})
    with pytest.raises(ValueError, match="cotraining goes with the pool"):
        run(tmp_path / "other", {**settings, "cotraining": {}})
    with pytest.raises(ValueError, match="accumulate is batch_size"):
        run(tmp_path / "other", {**settings, "fit": {"accumulate": 2}})


@pytest.mark.slow
def test_a_new_network_is_made_for_a_crystal_and_goes_on_where_it_stopped(tmp_path):
    settings = {
        "teacher": "stillinger-weber-si",
        "crystals": {"si": {"prototype": "diamond", "symbols": "Si", "a": 5.5}},
        "model": {
            "name": "nequip",
            "hidden": "8x0e",
            "lmax": 0,
            "layers": 1,
            "basis": 3,
            "radial_widths": [8],
            "cutoff": 4.0,
        },
        "labels": {"rattles": 7, "n_columns": 6, "mesh_length": 4.0},
        "batch_size": 2,
        "columns": 2,
        "fit": {
            "epochs": 4,
            "average_decay": 0.0,
            "optimizer": {"learning_rate": 0.02},
        },
    }
    metrics = run(tmp_path / "run", settings)
    assert not any(key.startswith("before") for key in metrics)
    copies = [metrics[f"n_{part}_copies"] for part in ("train", "held_out", "test")]
    assert copies == [5, 1, 2]
    lines = (tmp_path / "run" / "labels.jsonl").read_text().splitlines()
    rest = json.loads(lines[1])["values"]
    # Silicon in this potential (Stillinger and Weber, Phys. Rev. B 31, 5262 (1985)).
    assert_allclose(np.linalg.norm(rest["cell"], axis=1) * 2**0.5, 5.431, atol=2e-3)
    again = run(tmp_path / "run", settings, resume=True)
    key = "after_max_frequency_mae_THz"
    assert_allclose(again[key], metrics[key], rtol=1e-5)  # float32
