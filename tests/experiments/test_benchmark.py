"""The benchmarks run, agree with other codes, and say what is missing."""

from importlib.util import find_spec

import ase.io
import pytest
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from matjax.config import build_config
from matjax.crystals import Crystal
from matjax.studies import Run, catalog
from matjax.weights import load_potential


@pytest.mark.slow
def measure(name, folder, *settings):
    study = catalog.find_study(f"benchmark/{name}")
    experiment = catalog.load_experiment(study.experiment)
    config = build_config(experiment.Config, study.values, settings)
    return experiment.main(config, Run(folder))


@pytest.mark.slow
def test_neighbor_lists_are_timed_beside_those_of_other_codes(tmp_path):
    settings = ("n_atoms=[64,128]", "codes=[matjax,matscipy]", "n_repeats=1")
    metrics = measure("neighbors", tmp_path, *settings)
    assert metrics["matjax_64_s"] > 0
    assert metrics["matjax_128_buffers_MB"] > metrics["matjax_64_buffers_MB"]
    table = (tmp_path / "neighbors.csv").read_text().splitlines()
    assert len(table) == 1 + 2 * 2
    assert (tmp_path / "neighbors.png").stat().st_size > 0


@pytest.mark.slow
def test_potential_is_timed_without_a_peer(tmp_path):
    settings = ("potential=stillinger-weber-si", "peer=false", "n_repeats=1")
    sizes = ("n_atoms_paired=8", "n_atoms_large=16")
    metrics = measure("potential", tmp_path, *settings, *sizes)
    assert metrics["matjax_s"] > 0
    assert metrics["matjax_large_peak_MB"] > 0


@pytest.mark.slow
def test_training_steps_are_timed_without_a_peer(tmp_path):
    ase.io.write(
        tmp_path / "frames.extxyz", [rattled_silicon(seed) for seed in range(4)]
    )
    settings = ("potential=stillinger-weber-si", "peer=false", "n_repeats=1")
    data = (f"train={tmp_path / 'frames.extxyz'}", "batch_size=2")
    metrics = measure("training", tmp_path, *settings, *data)
    assert metrics["matjax_structures_per_s"] == 2 / metrics["matjax_step_s"]
    assert metrics["loader_structures_per_s"] > 0
    batch = ase.io.read(tmp_path / "batch.extxyz", ":")
    assert [len(atoms) for atoms in batch] == [8, 8]


def test_authors_of_cgcnn_are_asked_for_by_the_folder_of_their_code(tmp_path):
    with pytest.raises(ValueError, match=r"by peer_path=PATH, or set peer=false"):
        measure("training_cgcnn", tmp_path)


def rattled_silicon(seed):
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.05, seed=seed)
    potential = load_potential("stillinger-weber-si")
    found = potential(Crystal.from_ase(atoms))
    atoms.calc = SinglePointCalculator(atoms, energy=found.energy, forces=found.forces)
    return atoms


def test_potential_that_the_peer_cannot_read_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"reads \.nqx files.*choose one of nequix-mp-1"
    ):
        measure("potential", tmp_path, "potential=stillinger-weber-si")


@pytest.mark.skipif(find_spec("nequix") is not None, reason="nequix is installed")
def test_missing_peer_is_named_with_its_remedy(tmp_path):
    weights = tmp_path / "any.nqx"
    weights.touch()
    with pytest.raises(
        ImportError, match=r"nequix needs.*matjax\[bench\].*peer_python"
    ):
        measure("potential", tmp_path, f"potential={weights}")


def test_size_that_silicon_does_not_have_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"multiples of the 8.*received \[12\]"):
        measure("neighbors", tmp_path, "n_atoms=[12]")
