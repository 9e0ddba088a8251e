"""The phonon experiment, its figure, and silicon with published weights."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.config import ConfigError, build_config
from matjax.crystals import Crystal, write
from matjax.lattice_dynamics import phonons
from matjax.lattice_dynamics.phonopy import finite_displacements
from matjax.reports import phonon_figure, save_figure
from matjax.studies import Run, catalog, described_crystal
from matjax.weights import PRETRAINED, find, load_potential
from tests.force_constants.lattices import silicon, springs, stillinger_weber

FEW = ["potential=stillinger-weber-si", "mesh=[4,4,4]", "spacing=0.3"]


def run(folder, *settings):
    study = catalog.find_study("phonons/silicon")
    experiment = catalog.load_experiment(study.experiment)
    config = build_config(experiment.Config, study.values, [*FEW, *settings])
    output = Run(folder)
    return output, output.save_metrics(experiment.main(config, output))


def test_the_experiment_writes_tables_a_figure_and_metrics(tmp_path):
    output, metrics = run(tmp_path / "run")
    names = {path.name for path in output.files}
    figures = {"phonons.png", "thermal.png"}
    assert names == {"bands.csv", "dos.csv", "thermal.csv", *figures}
    assert json.loads((tmp_path / "run" / "metrics.json").read_text()) == metrics
    assert_allclose(metrics["gamma_optical_THz"], 17.83232, atol=1e-4)  # pinned
    assert_allclose(metrics["x_ta_THz"], 6.65196, atol=1e-4)  # pinned
    assert metrics["gamma_acoustic_THz"] < 1e-4
    assert metrics["imaginary_fraction"] == 0
    header, *rows = (tmp_path / "run" / "bands.csv").read_text().splitlines()
    assert header.startswith("label,q1,q2,q3,distance_per_A,frequency_1_THz")
    assert [row.split(",")[0] for row in rows if row[0] != ","][:2] == ["Γ", "X"]
    warmth = np.genfromtxt(tmp_path / "run" / "thermal.csv", delimiter=",", names=True)
    (row,) = warmth[warmth["temperature_K"] == 300]
    assert_allclose(
        row["heat_capacity_J_per_mol_K"], metrics["heat_capacity_300K_J_per_mol_K"]
    )


def test_a_file_and_other_masses_can_be_given(tmp_path):
    crystal = silicon().replace(fractional=np.array([[0.01, 0, 0], [0.25] * 3]))
    write(tmp_path / "si.cif", crystal)
    settings = [f"crystal={tmp_path / 'si.cif'}", "relax=true", "masses.Si=112.34"]
    output, metrics = run(tmp_path / "run", *settings)
    assert "relaxed.cif" in {path.name for path in output.files}
    assert metrics["max_force_eV_per_A"] < 1e-3
    # Four times the mass, at the potential's own lattice constant of 5.4310 Å.
    assert_allclose(metrics["gamma_optical_THz"], 17.83 / 2, atol=0.01)


def test_grids_and_finite_displacements_stand_beside_the_exact_bands(tmp_path):
    settings = ["tolerance=0.05", "supercell=[3,3,3]"]
    output, metrics = run(tmp_path / "run", *settings)
    assert "finite_displacements.csv" in {path.name for path in output.files}
    assert metrics["interpolation_error_THz"] < 0.05
    # Forces of this potential reach second neighbors (7.5 Å): a supercell of 10 Å cuts
    # some of them.
    assert metrics["supercell_error_THz"] < 0.3
    with pytest.raises(ValueError, match="three positive integers"):
        finite_displacements(stillinger_weber(), silicon(), (0, 2, 2))


def test_settings_that_make_no_sense_are_refused(tmp_path):
    with pytest.raises(ValueError, match="C is not in Si"):
        run(tmp_path / "a", "masses.C=12.0")
    with pytest.raises(ConfigError, match=r"mesh\.0"):
        run(tmp_path / "b", "mesh=[0,4,4]")
    with pytest.raises(ConfigError, match="max_temperature"):
        run(tmp_path / "c", "max_temperature=-1.0")


def panels(figure):
    return figure.axes


def test_the_figure_shows_bands_and_density_on_one_scale(tmp_path):
    found = phonons(stillinger_weber(), silicon())
    bands = found.bands(spacing=0.3)
    figure = phonon_figure(bands, found.dos((4, 4, 4)))
    left, right = panels(figure)
    assert left.get_ylim() == right.get_ylim()
    assert left.get_ylim()[0] == 0
    labels = [text.get_text() for text in left.get_xticklabels()]
    assert labels == ["Γ", "X", "U|K", "Γ", "L", "W", "X"]
    assert left.get_title() == ""
    save_figure(figure, tmp_path / "bands.png")
    assert (tmp_path / "bands.png").stat().st_size > 10_000


def test_the_figure_says_what_is_unstable_or_not_at_rest():
    cell = 2.5 / np.sqrt(2) * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    crystal = Crystal.create([29], 0.8 * cell, fractional=[[0, 0, 0]])
    found = phonons(springs(), crystal)
    bands = found.bands(spacing=0.3)
    assert bands.frequencies.min() < -1
    (panel,) = panels(phonon_figure(bands, max_force=0.2))
    assert panel.get_ylim()[0] < bands.frequencies.min()
    assert "imaginary below 0" in panel.get_ylabel()
    assert "not at rest: largest force 0.2 eV/Å" in panel.get_title("left")


@pytest.mark.slow
def test_the_default_potential_has_the_measured_frequencies_of_silicon():
    study = catalog.find_study("phonons/silicon")
    experiment = catalog.load_experiment(study.experiment)
    config = build_config(experiment.Config, study.values, [])
    potential = load_potential(config.chosen_potential, dtype=jnp.float32)
    found = phonons(potential, described_crystal(config.crystal), dtype=jnp.float32)
    # One of each pair of degenerate modes.
    modes = {"Γ": [3], "X": [0, 2, 4], "L": [0, 2, 3, 4]}
    points = {"Γ": [0, 0, 0], "X": [0.5, 0, 0.5], "L": [0.5, 0.5, 0.5]}
    for label, measured in config.crystal.measured.items():
        frequencies = np.asarray(found.frequencies(np.array(points[label], float)))
        # What a network of PBE energies and forces is worth.
        assert_allclose(frequencies[modes[label]], measured, rtol=0.05)


@pytest.mark.slow
def test_silicon_with_published_weights_has_its_known_frequencies():
    """X TA 4.68 and Γ optical 15.07 THz, as finite displacements in 4×4×4 cells."""
    if find(PRETRAINED["nequix-mp-1-pft"]) is None:
        pytest.skip("the weights of nequix-mp-1-pft are not here (MATJAX_MODELS)")
    potential = load_potential("nequix-mp-1-pft", dtype=jnp.float32)
    found = phonons(potential, silicon(), dtype=jnp.float32)
    frequencies = found.frequencies(np.array([[0, 0, 0], [0.5, 0.5, 0]]))
    assert_allclose(frequencies[0, 3:], 15.07, atol=0.02)  # digits of the reference
    assert_allclose(frequencies[1, 0], 4.68, atol=0.02)
    assert_allclose(abs(frequencies[0, :3]), 0, atol=0.1)  # roots of float32 round-off
    matrix = found.force_constants(np.array([0.1, 0.2, 0.3]))
    assert_allclose(matrix, matrix.conj().T, atol=1e-4)  # float32
