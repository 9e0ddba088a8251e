"""The stability experiment: a crystal that falls, and one that does not."""

import json

import pytest
from numpy.testing import assert_allclose

from matjax.cli import main
from matjax.crystals import read, space_group

FEW = ["mesh=[2,2,2]", "spacing=0.5", "follow.n_steps=3", "follow.n_random=0"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stability") / "run"
    arguments = ["run", "stability/argon", *FEW, "follow.stages=2"]
    assert main([*arguments, "--out", str(folder)]) == 0
    return folder


@pytest.mark.slow
def test_simple_cubic_argon_falls_to_a_tetragonal_lattice(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["initial_space_group"] == 221
    assert metrics["final_space_group"] == 139
    assert metrics["irrep_dimension"] == 3
    assert_allclose(metrics["lowest_frequency_THz"], -0.624, atol=1e-3)  # pinned
    assert_allclose(metrics["energy_gain_meV_per_atom"], 26.73, atol=0.01)  # pinned
    assert metrics["slowest_sound_km_per_s"] < 0
    assert metrics["final_is_stable"] == 0
    assert space_group(read(folder / "final.cif")).number == 139
    assert space_group(read(folder / "parent.cif")).number == 221


@pytest.mark.slow
def test_the_report_names_point_irrep_energy_and_groups(folder):
    text = (folder / "report.txt").read_text(encoding="utf-8")
    for said in ("Pm-3m", "M (", "irrep dimension 3", "I4/mmm", "meV/atom"):
        assert said in text
    assert text.endswith(
        "The last crystal is unstable; raise follow.stages to go on.\n"
    )
    first, last = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    (followed,) = first["followed"]
    branch = followed["branches"][0]
    assert branch["energy_meV_per_atom"] < min(branch["energies_meV_per_atom"]) < 0
    assert last["followed"] == []
    assert (folder / "stability.png").stat().st_size > 10_000


def test_a_stable_crystal_stays(tmp_path, capsys):
    folder = tmp_path / "run"
    crystal = ["crystal.prototype=diamond", "crystal.symbols=Si", "crystal.a=5.43"]
    arguments = [*FEW, *crystal, "potential=stillinger-weber-si", "--out", str(folder)]
    assert main(["run", "stability", *arguments]) == 0
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["final_is_stable"] == 1
    assert metrics["energy_gain_meV_per_atom"] == 0
    assert metrics["final_space_group"] == 227
    text = (folder / "report.txt").read_text(encoding="utf-8")
    assert text.endswith("The last crystal is stable.\n")
