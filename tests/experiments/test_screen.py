"""Heat capacities and moduli of many crystals: tables, figures, failures, going on."""

import csv
import json
from importlib.util import module_from_spec, spec_from_file_location

import pytest
from ase.build import bulk
from ase.io import read, write
from numpy.testing import assert_allclose

from matjax.cli import main
from matjax.config import build_config
from matjax.studies import Run, catalog


def results_script():
    path = catalog.experiments()["screen"].with_name("_matcalc_results.py")
    spec = spec_from_file_location("matcalc_results", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def data(tmp_path):
    """Two crystals of silicon, and one of an element the potential does not know."""
    frames = [bulk("Si", "diamond", 5.43), bulk("Si", "diamond", 5.5), bulk("Cu")]
    for number, atoms in enumerate(frames):
        atoms.info |= {
            "material_id": f"test-{number}",
            "heat_capacity": 39.0,
            "bulk_modulus_vrh": 90.0,
            "shear_modulus_vrh": 60.0,
        }
    write(tmp_path / "data.extxyz", frames)
    return tmp_path / "data.extxyz"


SETTINGS = ("potential=stillinger-weber-si", "potential_precision=float64")


def run(name, folder, data, *settings):
    study = catalog.find_study(name)
    experiment = catalog.load_experiment(study.experiment)
    told = [*SETTINGS, f"structures={data}", "max_atoms=2", "n_workers=1"]
    config = build_config(experiment.Config, study.values, [*told, *settings])
    output = Run(folder, overwrite=True)
    output.save_config(study.experiment.stem, config)
    return output.save_metrics(experiment.main(config, output))


def table(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_heat_capacities_are_tabled_and_a_failure_named(tmp_path, data):
    folder = tmp_path / "run"
    metrics = run("screen/heat_capacities", folder, data)
    assert metrics["n_crystals"] == 2
    assert metrics["n_failed"] == 1
    # Both are relaxed to the same crystal: Cv(300 K) of this potential is 37.25.
    assert_allclose(metrics["heat_capacity_mae_J_per_mol_K"], 39 - 37.25, atol=0.1)
    assert_allclose(
        metrics["heat_capacity_mae_per_atom_J_per_mol_K"] * 2,
        metrics["heat_capacity_mae_J_per_mol_K"],
    )
    rows = table(folder / "table.csv")
    assert [row["crystal"] for row in rows] == ["test-0", "test-1", "test-2"]
    assert float(rows[0]["heat_capacity_reference_J_per_mol_K"]) == 39
    failure = rows[2]["failure"]
    assert failure.startswith("relaxation: the potential knows Si")
    assert (folder / "overview.png").stat().st_size > 10_000
    assert len(read(folder / "structures.extxyz", ":")) == 2

    # The same command again computes nothing and finds the same.
    lines = (folder / "crystals.jsonl").read_text()
    assert run("screen/heat_capacities", folder, data) == metrics
    assert (folder / "crystals.jsonl").read_text() == lines

    # Other data are not gone on with, though the file has the old name.
    before = data.read_bytes()
    frame, _, rest = before.partition(b"material_id")
    data.write_bytes(frame + b"checked=T material_id" + rest)
    with pytest.raises(ValueError, match="the settings it was made with"):
        run("screen/heat_capacities", folder, data)
    data.write_bytes(before)

    collect = results_script()
    collect.main(tmp_path / "all.json", "two cores", [folder], {"again": folder})
    results = json.loads((tmp_path / "all.json").read_text())
    assert results["stillinger_weber_si_n_failed"] == 1
    assert results["stillinger_weber_si_failures"] == [f"test-2: {failure}"]
    mae = metrics["heat_capacity_mae_J_per_mol_K"]
    assert results["stillinger_weber_si_cv_mae_J_per_mol_K"] == mae
    assert results["check_again_n_crystals"] == 2
    assert results["check_again_largest_change_J_per_mol_K_per_atom"] == 0
    assert results["command"].startswith(
        "matjax run screen/heat_capacities potential=still"
    )


@pytest.mark.slow
def test_moduli_are_those_of_the_potential(tmp_path, data):
    metrics = run("screen/moduli", tmp_path / "run", data)
    # C11, C12, C44 of this potential are 151.4, 76.4 and 56.4 GPa (Balamane, Halicioglu
    # and Tiller, Phys. Rev. B 46, 2250 (1992)): K = 101.4, G by Hill's mean 47.8.
    assert_allclose(metrics["bulk_modulus_bias_GPa"], 101.4 - 90, atol=0.5)
    assert_allclose(metrics["shear_modulus_bias_GPa"], 47.8 - 60, atol=0.5)


def test_command_writes_a_table_beside_its_folder(tmp_path, data, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["screen", str(data), "--out", "found.csv", "n_workers=1"]
    words += ["columns=[energy,energy_above_hull]", *SETTINGS]
    assert main(words) == 0
    one, other, none = table(tmp_path / "found.csv")
    assert_allclose(float(one["energy_eV_per_atom"]), -4.3363, atol=1e-3)
    # The same crystal twice: both lie on the hull, within what the relaxation leaves.
    for row in (one, other):
        assert_allclose(float(row["energy_above_hull_eV_per_atom"]), 0, atol=1e-5)
    assert none["converged"] == ""
    assert (tmp_path / "found" / "structures.extxyz").is_file()
    assert main(words) == 1  # the table exists
    (tmp_path / "found.csv").unlink()
    assert main(words) == 0  # it goes on, and has nothing left to do
    assert table(tmp_path / "found.csv")[0] == one
    assert main([*words[:3], "found.txt", *SETTINGS]) == 1


@pytest.mark.slow
def test_command_writes_parquet(tmp_path, data, monkeypatch):
    reader = pytest.importorskip("pyarrow.parquet")
    monkeypatch.chdir(tmp_path)
    words = ["screen", str(data), "--out", "found.parquet", "n_workers=1"]
    assert main([*words, "columns=[energy]", *SETTINGS]) == 0
    assert reader.read_table("found.parquet")["crystal"].to_pylist() == [
        "test-0",
        "test-1",
        "test-2",
    ]
