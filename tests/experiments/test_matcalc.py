"""Heat capacities and moduli of many crystals: symmetry, limits, tables, failures."""

import json
from importlib.util import module_from_spec, spec_from_file_location

import pytest
from ase.build import bulk
from ase.io import write
from numpy.testing import assert_allclose

from matjax.config import build_config
from matjax.lattice_dynamics import phonons
from matjax.studies import Run, catalog
from tests.force_constants.lattices import silicon, stillinger_weber

CV = catalog.load_experiment(catalog.experiments()["matcalc_cv"])


def test_coarse_mesh_gives_the_heat_capacity_of_a_fine_one():
    crystal = silicon()
    exact = phonons(stillinger_weber(), crystal).thermal([300.0], (8, 8, 8))
    shape = CV.divisions(crystal, 6.0)
    assert shape == (2, 2, 2)
    found = phonons(stillinger_weber(), crystal, grid=shape)
    capacity, imaginary, _ = CV.capacity_on_mesh(found, shape)
    assert imaginary == 0
    # 0.05 J/(mol K) by atom is the accuracy that the mesh is chosen for; the fine mesh
    # lacks the translations at Γ, 3R/512.
    expected = float(exact.heat_capacity[0]) + 3 * 8.314462618 / 512
    assert_allclose(capacity, expected, atol=2 * 0.05)


def results_script():
    path = catalog.experiments()["matcalc_cv"].with_name("_matcalc_results.py")
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


def run(study, folder, data, *settings):
    study = catalog.find_study(study)
    experiment = catalog.load_experiment(study.experiment)
    common = [
        "potential=stillinger-weber-si",
        f"data={data}",
        "potential_precision=float64",
        "max_atoms=2",
    ]
    config = build_config(experiment.Config, study.values, [*common, *settings])
    output = Run(folder, overwrite=True)
    output.save_config(study.experiment.stem, config)
    return output.save_metrics(experiment.main(config, output))


def test_heat_capacities_are_tabled_and_a_failure_named(tmp_path, data):
    metrics = run("matcalc_cv/binaries", tmp_path / "run", data)
    assert metrics["n_crystals"] == 2
    assert metrics["n_failed"] == 1
    # Both are relaxed to the same crystal: Cv(300 K) of this potential is 37.25.
    assert_allclose(metrics["heat_capacity_mae_J_per_mol_K"], 39 - 37.25, atol=0.1)
    assert_allclose(
        metrics["heat_capacity_mae_per_atom_J_per_mol_K"] * 2,
        metrics["heat_capacity_mae_J_per_mol_K"],
    )
    (failure,) = (tmp_path / "run" / "failures.txt").read_text().splitlines()
    assert failure.startswith("test-2: ValueError: the potential knows Si")
    header, *rows = (tmp_path / "run" / "crystals.csv").read_text().splitlines()
    assert header.startswith("crystal,formula,n_atoms,heat_capacity_J_per_mol_K")
    assert len(rows) == 3
    assert (tmp_path / "run" / "parity.png").stat().st_size > 10_000

    # The same command again computes nothing and finds the same.
    lines = (tmp_path / "run" / "crystals.jsonl").read_text()
    assert run("matcalc_cv/binaries", tmp_path / "run", data) == metrics
    assert (tmp_path / "run" / "crystals.jsonl").read_text() == lines

    # Other data are not gone on with, though the file has the old name.
    before = data.read_bytes()
    frame, _, rest = before.partition(b"material_id")
    data.write_bytes(frame + b"checked=T material_id" + rest)
    with pytest.raises(ValueError, match="the settings it was made with"):
        run("matcalc_cv/binaries", tmp_path / "run", data)
    data.write_bytes(before)

    folder = tmp_path / "run"
    collect = results_script()
    collect.main(tmp_path / "all.json", "two cores", [folder], {"again": folder})
    results = json.loads((tmp_path / "all.json").read_text())
    assert results["stillinger_weber_si_n_failed"] == 1
    assert results["stillinger_weber_si_failures"] == [failure]
    mae = metrics["heat_capacity_mae_J_per_mol_K"]
    assert results["stillinger_weber_si_cv_mae_J_per_mol_K"] == mae
    assert results["check_again_n_crystals"] == 2
    assert results["check_again_largest_change_J_per_mol_K_per_atom"] == 0
    assert results["command"].startswith(
        "matjax run matcalc_cv/binaries potential=still"
    )


def test_moduli_are_those_of_the_potential(tmp_path, data):
    metrics = run("matcalc_elastic/binaries", tmp_path / "run", data)
    # C11, C12, C44 of this potential are 151.4, 76.4 and 56.4 GPa (Balamane, Halicioglu
    # and Tiller, Phys. Rev. B 46, 2250 (1992)): K = 101.4, G by Hill's mean 47.8.
    assert_allclose(metrics["bulk_modulus_vrh_bias_GPa"], 101.4 - 90, atol=0.5)
    assert_allclose(metrics["shear_modulus_vrh_bias_GPa"], 47.8 - 60, atol=0.5)
