"""Tables of phonons and the numbers that sum them up."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.force_constants import regular_mesh
from matjax.lattice_dynamics import with_polar
from matjax.reports import phonon_tables as tables
from tests.force_constants.ionic import rocksalt, spring_phonons


@pytest.fixture(scope="module")
def salt():
    return spring_phonons(rocksalt())


@pytest.fixture(scope="module")
def bands(salt):
    return salt.bands(spacing=0.5)


def test_bands_name_their_points(bands):
    found = tables.bands_table(bands)
    rows = [row for row, label in enumerate(found["label"]) if label == "Γ"]
    for i in range(3):
        assert_allclose(found[f"q{i + 1}"][rows], 0)
    columns = [found[f"frequency_{i + 1}_THz"] for i in range(6)]
    assert_allclose(np.array(columns).T, bands.frequencies)


def test_points_are_measured_where_the_path_passes_them(bands):
    (x, y) = tables.measured_points({"Γ": (3.0, 4.0)}, bands)["measured"]
    ticks = [float(bands.path.distance[r]) for r, n in bands.path.ticks if n == "Γ"]
    assert sorted(set(x)) == sorted(set(ticks))
    assert set(y) == {3.0, 4.0}
    assert tables.measured_points({}, bands) == {}


def test_numbers_at_gamma_tell_acoustic_from_optical_modes(salt, bands):
    found = tables.point_metrics(bands, salt)
    assert found["gamma_acoustic_THz"] < 1e-4  # root of round-off
    top = salt.frequencies(np.zeros(3)).max()
    assert_allclose(found["gamma_optical_THz"], top)
    assert found["asymmetry_eV_per_A2"] < 1e-12
    assert "lo_to_splitting_THz" not in found
    charges = 1.1 * np.array([np.eye(3), -np.eye(3)])
    polar = with_polar(salt, charges, 2.4 * np.eye(3), (2, 2, 2))
    split = tables.point_metrics(polar.bands(spacing=0.5), polar)
    assert split["lo_to_splitting_THz"] > 0.1
    assert_allclose(split["born_charge_sum_e"], 0, atol=1e-15)


def test_the_zone_holds_the_extremes_of_path_and_mesh(salt, bands):
    mesh = regular_mesh(salt.crystal, (2, 2, 2))
    frequencies = np.asarray(salt.frequencies(mesh.q))
    found = tables.zone_metrics(mesh, bands.frequencies + 5.0, frequencies - 5.0)
    assert_allclose(found["min_frequency_THz"], frequencies.min() - 5)
    assert_allclose(found["max_frequency_THz"], bands.frequencies.max() + 5)
    assert found["imaginary_fraction"] > 0


def test_errors_do_not_depend_on_the_order_of_branches(salt, bands):
    other = bands.frequencies[:, ::-1] + 0.25
    found = tables.error_metrics(salt, bands, other)
    assert_allclose(found["supercell_error_THz"], 0.25)
    assert tables.error_metrics(salt, bands) == {}


def test_remarks_say_what_must_be_known(salt):
    moved = salt.replace(max_force=np.array(0.2))
    said = tables.phonon_remarks(moved, -1.5, 3.0)
    assert said == [
        "not at rest: the largest force is 0.2 eV/Å",
        "under 3.0 GPa",
        "unstable: imaginary modes down to -1.50 THz",
    ]
    assert (
        tables.phonon_remarks(salt.replace(max_force=np.array(0.0)), -0.01, np.nan)
        == []
    )
