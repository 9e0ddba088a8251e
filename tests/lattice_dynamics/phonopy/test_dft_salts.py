"""DFT force sets of two salts with their Born charges, as phonopy has them."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import constants as si

import matjax as mj
from matjax.force_constants import regular_mesh
from matjax.lattice_dynamics.tetrahedra import integrals_below
from tests.lattice_dynamics.phonopy.calculations import (
    Q,
    first_zone,
    frequencies,
    phonopy,
)


def dft(name):
    root = os.environ.get("MATJAX_DATA")
    folder = Path(root or "") / "dft_phonons" / name
    if root is None or not folder.is_dir():
        pytest.skip(f"DFT force sets of {name} are not here (MATJAX_DATA)")
    return folder


@pytest.mark.filterwarnings("ignore:primitive_matrix defaulted")
@pytest.mark.parametrize("method", ["gonze", "wang"])
@pytest.mark.parametrize("name", ["NaCl", "MgO"])
def test_dft_phonons_of_salts_are_phonopys(name, method):
    folder = dft(name)
    theirs = phonopy.load(
        folder / "phonopy_disp.yaml",
        force_sets_filename=folder / "FORCE_SETS",
        born_filename=folder / "BORN",
        primitive_matrix="auto",
    )
    theirs.nac_params = {**theirs.nac_params, "method": method}
    ours = mj.read_phonopy(folder, method=method)
    # THz; measured 4e-6, of 20
    q = Q if method == "gonze" else first_zone(Q, theirs.primitive.cell)
    assert_allclose(ours.frequencies(q), frequencies(theirs, q), atol=1e-4)
    for end in ([0.5, 0.5, 0], [0.5, 0.5, 0.5], [0.375, 0.375, 0.75]):
        line = np.linspace(0.01, 1, 30)[:, None] * end
        expected = frequencies(theirs, line)
        assert_allclose(ours.frequencies(line), expected, atol=1e-4)
        limit = frequencies(theirs, [[0, 0, 0]], end)[0]
        ours_there = ours.towards(end).frequencies(np.zeros(3))
        assert_allclose(ours_there[3:], limit[3:], atol=1e-4)
        assert ours_there[5] - ours_there[4] > 2


@pytest.fixture
def our_constants():
    """Phonopy with the physical constants of CODATA 2018, as ours are."""
    units = pytest.importorskip(
        "phonopy.physical_units", reason="this phonopy has fixed physical constants"
    )
    units.set_physical_units(
        KB_J=si.k,
        PlanckConstant=si.h / si.e,
        Avogadro=si.N_A,
        AMU=si.atomic_mass,
        EV=si.e,
    )
    yield
    units.set_physical_units()


@pytest.mark.usefixtures("our_constants")
@pytest.mark.filterwarnings("ignore:primitive_matrix defaulted")
@pytest.mark.parametrize("name", ["NaCl", "MgO"])
def test_dft_density_of_states_and_thermal_properties_are_phonopys(name):
    folder = dft(name)
    theirs = phonopy.load(
        folder / "phonopy_disp.yaml",
        force_sets_filename=folder / "FORCE_SETS",
        born_filename=folder / "BORN",
        primitive_matrix="auto",
    )
    ours = mj.read_phonopy(folder)
    shape, temperatures = (8, 8, 8), np.array([0.0, 100.0, 300.0, 1000.0])
    theirs.run_mesh(shape, is_gamma_center=True)
    theirs.run_thermal_properties(temperatures=temperatures, cutoff_frequency=1e-3)
    expected, found = theirs.thermal_properties, ours.thermal(temperatures, shape)
    # phonopy prints seven decimals of kJ/mol and J/(mol K); what is left is the
    # real-space part of its Ewald sum, 5e-6 THz.
    kj = si.e * si.N_A / 1000
    assert_allclose(found.free_energy * kj, expected.free_energy, atol=5e-7)
    assert_allclose(found.entropy, expected.entropy, atol=5e-7)
    assert_allclose(found.heat_capacity, expected.heat_capacity, atol=5e-7)
    mesh = regular_mesh(ours.crystal, shape)
    assert len(mesh.q) == len(theirs.mesh.frequencies)
    points = np.linspace(0.5, 1.1 * ours.frequencies(mesh.q).max(), 60)
    theirs.run_total_dos(
        freq_min=points[0],
        freq_max=points[-1],
        freq_pitch=points[1] - points[0],
        use_tetrahedron_method=True,
    )
    nu, ones, h = ours.frequencies(mesh.q), np.ones((len(mesh.q), 6, 1)), 1e-6
    edges = np.stack([points - h, points + h], axis=1).ravel()
    states = integrals_below(mesh, nu, ones, edges)[:, 0]
    density = (states[1::2] - states[::2]) / (2 * h)
    assert_allclose(density, theirs.total_dos.dos[:60], atol=1e-4)  # 1/THz, of some 2


def test_silicon_without_forces_says_what_is_missing(tmp_path):
    shutil.copy(dft("Si") / "phonopy_disp.yaml", tmp_path)
    with pytest.raises(FileNotFoundError, match="neither FORCE_SETS"):
        mj.read_phonopy(tmp_path)
