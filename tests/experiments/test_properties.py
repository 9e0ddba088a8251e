"""Property networks from a user's table to a predictor, and several side by side."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.config import ConfigError
from matjax.crystals import write
from matjax.weights import load_predictor
from tests.data.examples import random_dataset, write_frames
from tests.experiments.test_training import run

TINY = {"features": 4, "layers": 1, "cutoff": 5.0}


def test_a_folder_of_cif_and_a_table_become_a_predictor_that_says_how_sure_it_is(
    tmp_path,
):
    folder = tmp_path / "mine"
    folder.mkdir()
    rows = ["id,gap"]
    for k, example in enumerate(random_dataset(30).examples):
        write(folder / f"c{k}.cif", example.crystal)
        rows.append(f"c{k},{example.labels['gap']}")
    (folder / "table.csv").write_text("\n".join(rows))
    settings = {
        **{"train": str(folder), "label": "gap", "unit": "eV", "members": 2},
        **{"model": {"name": "cgcnn", **TINY}, "batch_size": 8, "fit": {"epochs": 2}},
        "baselines": False,
    }
    metrics = run("properties", tmp_path / "run", settings)
    assert metrics["n_train"] == 24  # of 27 that do not judge
    assert metrics["n_test"] == 3
    assert 0 <= metrics["test_gap_inside_1_sigma_percent"] <= 100
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"predictor.safetensors", "calibration.png", "parity.png"} <= names
    predictor = load_predictor(tmp_path / "run" / "predictor.safetensors")
    found = predictor(random_dataset(1).examples[0].crystal)
    assert np.isfinite(found.value)
    assert found.uncertainty > 0
    crystal = folder / "c0.cif"
    told = {"crystal": str(crystal), "predictor": str(predictor_file(tmp_path))}
    shares = run("contributions", tmp_path / "shares", told)
    assert np.isfinite(shares["sum_of_contributions"])
    assert (tmp_path / "shares" / "contributions.png").exists()


def predictor_file(tmp_path):
    return tmp_path / "run" / "predictor.safetensors"


@pytest.mark.slow
def test_networks_are_compared_on_the_same_crystals_and_go_on_where_they_stopped(
    tmp_path,
):
    path = write_frames(tmp_path / "all.extxyz", random_dataset(40))
    settings = {
        "common": {
            **{"train": str(path), "label": "gap", "unit": "eV", "batch_size": 8},
            "fit": {"epochs": 2},
        },
        "networks": {"cgcnn": {"model": TINY}, "schnet": {"model": TINY}},
        **{"folds": [0, 1], "best": 1, "members": 2},
    }
    metrics = run("properties_compare", tmp_path / "run", settings)
    both = [f"{name}/test_mae" for name in ("cgcnn", "schnet")]
    assert {*both, "mean/test_mae"} <= metrics.keys()
    folds = [
        json.loads((tmp_path / f"run/cgcnn_fold_{k}/1_metrics.json").read_text())
        for k in (0, 1)
    ]
    mean = np.mean([fold["test_gap_mae_eV"] for fold in folds])
    assert_allclose(metrics["cgcnn/test_mae"], mean)
    assert sum(key.endswith("/ensemble_test_mae") for key in metrics) == 1
    again = run("properties_compare", tmp_path / "run", settings, resume=True)
    assert again == metrics
    told = {"results": [str(tmp_path / "run" / "metrics.json")]}
    best = run("leaderboard", tmp_path / "board", told)
    errors = [v for k, v in metrics.items() if k.endswith("/test_mae")]
    assert best["run_best_test_mae"] == min(errors)
    assert (tmp_path / "board" / "run.png").exists()


def test_what_networks_share_is_set_once(tmp_path):
    settings = {
        "common": {"train": "x", "label": "gap", "unit": "eV"},
        "networks": {"cgcnn": {"train": "y"}},
    }
    with pytest.raises(ConfigError, match=r"networks\.cgcnn: train must be the same"):
        run("properties_compare", tmp_path / "run", settings)
    (tmp_path / "x.json").write_text('{"energy": 1}')
    with pytest.raises(ConfigError, match="results of a comparison"):
        run("leaderboard", tmp_path / "board", {"results": [str(tmp_path / "x.json")]})
