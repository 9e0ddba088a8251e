"""Phonopy's files against phonopy itself: made by it, and those of DFT calculations."""

import gzip
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import constants as si

import matjax as mj
from matjax.phonons import regular_mesh
from matjax.phonons.tetrahedra import integrals_below
from tests.phonons.ionic import rocksalt, spring_constants, triclinic, wurtzite

phonopy = pytest.importorskip("phonopy", reason="phonopy is not installed")
file_io = pytest.importorskip("phonopy.file_IO", reason="phonopy is not installed")

Q = np.random.default_rng(7).uniform(-0.5, 0.5, (50, 3))
FCC = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
DIELECTRIC = np.diag([2.4, 2.4, 2.6])

CONSTANTS = 1e-5
"""THz; phonopy's physical constants have seven digits."""


def atoms(crystal):
    from phonopy.structure.atoms import PhonopyAtoms

    return PhonopyAtoms(
        symbols=crystal.symbols,
        cell=crystal.cell,
        scaled_positions=crystal.fractional,
        masses=crystal.masses,
    )


def conventional_rocksalt():
    from ase.build import bulk

    return mj.Crystal.from_ase(bulk("NaCl", "rocksalt", 5.69, cubic=True))


CASES = {
    "rocksalt": (conventional_rocksalt, np.diag([1, 1, 1]), FCC),
    "skewed": (rocksalt, np.array([[2, 0, 1], [0, 2, 0], [-1, 0, 2]]), np.eye(3)),
    "wurtzite": (wurtzite, np.diag([2, 2, 1]), np.eye(3)),
    "triclinic": (triclinic, np.diag([2, 1, 2]), np.eye(3)),
}


def displaced(name, *, random=0):
    """A calculation of phonopy with the forces of springs."""
    make, matrix, primitive = CASES[name]
    made = phonopy.Phonopy(atoms(make()), matrix, primitive_matrix=primitive)
    options = {"number_of_snapshots": random, "random_seed": 5} if random else {}
    made.generate_displacements(distance=0.02, **options)
    cell = made.supercell
    blocks = spring_constants(cell.cell, cell.scaled_positions, cell.numbers)
    made.forces = [
        -np.einsum(
            "iajb,jb->ia", blocks.swapaxes(1, 2), moved.positions - cell.positions
        )
        for moved in made.supercells_with_displacements
    ]
    return made


def born_charges(made):
    """Of the symmetry of all the crystals here: along z, and across it."""
    sign = {"Na": 1, "Cl": -1, "Ga": 1, "N": -1}
    signs = np.array([sign[s] for s in made.primitive.symbols])
    same = np.diag([1.1, 1.1, 1.1 if "Na" in made.primitive.symbols else 1.3])
    return signs[:, None, None] * same


def with_born(made, method="gonze"):
    dielectric = DIELECTRIC
    if "Na" in made.primitive.symbols:
        dielectric = 2.4 * np.eye(3)
    made.nac_params = {
        "born": born_charges(made),
        "dielectric": dielectric,
        "factor": 14.4,
        "method": method,
    }
    return made


def frequencies(made, q=Q, direction=None):
    made.run_qpoints(q, nac_q_direction=direction)
    return made.qpoints.frequencies


def write_disp(made, folder, *, sets=True):
    settings = {"force_sets": False, "displacements": True, "force_constants": False}
    made.save(folder / "phonopy_disp.yaml", settings=settings)
    if sets:
        file_io.write_FORCE_SETS(made.dataset, filename=folder / "FORCE_SETS")


@pytest.mark.parametrize("name", CASES)
def test_force_sets_give_phonopys_force_constants(name, tmp_path):
    made = displaced(name)
    write_disp(made, tmp_path)
    made.produce_force_constants()
    found = mj.read_phonopy(tmp_path, symmetrize=False)
    assert found.crystal.symbols == list(made.primitive.symbols)
    assert_allclose(found.masses, made.primitive.masses)
    assert np.isnan(found.max_force)
    made.run_qpoints(Q, with_dynamical_matrices=True)
    phases = np.exp(2j * np.pi * np.repeat(Q @ made.primitive.scaled_positions.T, 3, 1))
    roots = np.sqrt(np.repeat(found.masses, 3))
    expected = made.qpoints.dynamical_matrices * np.outer(roots, roots)
    expected = phases[:, :, None] * expected * phases.conj()[:, None, :]
    constants = found.force_constants(Q)
    constants = (constants + constants.conj().swapaxes(1, 2)) / 2
    offset = made.primitive.positions - np.asarray(found.crystal.positions)
    cells = offset @ np.linalg.inv(made.primitive.cell)
    shift = np.exp(2j * np.pi * np.repeat(Q @ np.rint(cells).T, 3, 1))
    expected = shift.conj()[:, :, None] * expected * shift[:, None, :]
    # eV/Å²: FORCE_SETS has 1e-10 eV/Å, over displacements of 0.02 Å
    assert_allclose(constants, expected, atol=2e-8)
    assert_allclose(found.frequencies(Q), frequencies(made), atol=CONSTANTS)


@pytest.mark.parametrize("name", CASES)
def test_symmetrized_force_constants_are_those_of_phonopys_loader(name, tmp_path):
    made = displaced(name)
    rng = np.random.default_rng(1)
    # Noise of the size of printed digits, that breaks the sum rule.
    made.forces = made.forces + rng.normal(scale=1e-5, size=made.forces.shape)
    write_disp(made, tmp_path)
    made.produce_force_constants()
    raw = frequencies(made)
    made.symmetrize_force_constants(use_symfc_projector=False)
    expected = frequencies(made)
    assert_allclose(mj.read_phonopy(tmp_path).frequencies(Q), expected, atol=CONSTANTS)
    unchanged = mj.read_phonopy(tmp_path, symmetrize=False).frequencies(Q)
    assert_allclose(unchanged, raw, atol=CONSTANTS)
    assert abs(raw - expected).max() > 2 * CONSTANTS
    gamma = mj.read_phonopy(tmp_path).force_constants(np.zeros(3))
    sums = gamma.reshape(len(gamma), -1, 3).sum(axis=1)
    assert_allclose(sums, 0, atol=1e-13)  # round-off


@pytest.mark.parametrize("name", ["rocksalt", "wurtzite"])
def test_random_displacements_give_the_force_constants_of_the_springs(name, tmp_path):
    made = displaced(name, random=4)
    write_disp(made, tmp_path)
    found = mj.read_phonopy(tmp_path)
    ordered = displaced(name)
    ordered.produce_force_constants()
    # FORCE_SETS of all atoms has eight digits: 1e-8 eV/Å over 0.02 Å
    assert_allclose(found.frequencies(Q), frequencies(ordered), atol=1e-4)


def test_noisy_forces_on_random_displacements_are_fitted_as_by_symfc(tmp_path):
    pytest.importorskip("symfc", reason="symfc is not installed")
    made = displaced("wurtzite", random=6)
    rng = np.random.default_rng(1)
    made.forces = made.forces + rng.normal(scale=1e-3, size=made.forces.shape)
    write_disp(made, tmp_path)
    made.produce_force_constants(fc_calculator="symfc")
    # THz; eight digits of FORCE_SETS, where the noise makes 0.02
    found = mj.read_phonopy(tmp_path).frequencies(Q)
    assert_allclose(found, frequencies(made), atol=1e-5)


def test_too_few_random_displacements_are_refused(tmp_path):
    write_disp(displaced("triclinic", random=2), tmp_path)
    with pytest.raises(ValueError, match="more are needed"):
        mj.read_phonopy(tmp_path)


@pytest.mark.parametrize("form", ["full", "compact", "in yaml", "forces in yaml"])
def test_force_constants_are_read_in_all_forms(form, tmp_path):
    made = displaced("rocksalt")
    made.produce_force_constants(calculate_full_force_constants=form == "full")
    expected = frequencies(made)
    if form in ("full", "compact"):
        write_disp(made, tmp_path, sets=False)
        file_io.write_FORCE_CONSTANTS(
            made.force_constants,
            filename=tmp_path / "FORCE_CONSTANTS",
            p2s_map=made.primitive.p2s_map,
        )
    else:
        settings = {"force_constants": form == "in yaml", "force_sets": True}
        made.save(tmp_path / "phonopy_params.yaml", settings=settings)
    found = mj.read_phonopy(tmp_path)
    assert_allclose(found.frequencies(Q), expected, atol=CONSTANTS)
    path = next(tmp_path.glob("phonopy_*.yaml"))
    assert_allclose(mj.read_phonopy(path).frequencies(Q), found.frequencies(Q))


def test_compressed_files_are_read(tmp_path):
    made = displaced("rocksalt")
    write_disp(made, tmp_path)
    expected = mj.read_phonopy(tmp_path).frequencies(Q)
    for name in ("phonopy_disp.yaml", "FORCE_SETS"):
        path = tmp_path / name
        with gzip.open(tmp_path / f"{name}.gz", "wb") as file:
            file.write(path.read_bytes())
        path.unlink()
    assert_allclose(mj.read_phonopy(tmp_path).frequencies(Q), expected)


def test_units_of_other_codes_are_converted(tmp_path):
    """Quantum ESPRESSO: Bohr and Rydberg; the same crystal, frequencies alike."""
    made = displaced("rocksalt")
    bohr, rydberg = 0.529177210903, 13.605693122994
    scaled = conventional_rocksalt()
    scaled = scaled.replace(cell=scaled.cell / bohr)
    other = phonopy.Phonopy(
        atoms(scaled), np.eye(3), primitive_matrix=FCC, calculator="qe"
    )
    other.generate_displacements(distance=0.02 / bohr)
    other.forces = made.forces / (rydberg / bohr)
    write_disp(other, tmp_path)
    made.produce_force_constants()
    found = mj.read_phonopy(tmp_path, symmetrize=False)
    assert_allclose(found.crystal.volume, made.primitive.volume, rtol=1e-8)
    assert_allclose(found.frequencies(Q), frequencies(made), atol=CONSTANTS)


@pytest.mark.parametrize("method", ["gonze", "wang"])
@pytest.mark.parametrize("name", ["rocksalt", "wurtzite"])
def test_polar_frequencies_are_phonopys(name, method, tmp_path):
    made = with_born(displaced(name), method)
    write_disp(made, tmp_path)
    made.produce_force_constants()
    q = Q if method == "gonze" else first_zone(Q, made.primitive.cell)
    found = mj.read_phonopy(tmp_path, symmetrize=False)
    # phonopy leaves the real-space part of the Ewald sum to the interpolation from
    # the grid. For cells as small as these it must be made narrow.
    made.nac_params = {**made.nac_params, "Lambda": 0.5, "G_cutoff": 4.0}
    # THz: what is left of that part
    assert_allclose(found.frequencies(q), frequencies(made, q), atol=1e-4)
    for direction in np.array([[1, 0, 0], [0, 0, 1], [0.3, 0.2, -0.1]]):
        limit = found.towards(direction).frequencies(np.zeros(3))
        expected = frequencies(made, [[0, 0, 0]], direction)[0]
        assert_allclose(limit[3:], expected[3:], atol=CONSTANTS)


def first_zone(q, cell):
    """The shortest of equivalent q, which is what Wang's term is for."""
    shifts = np.indices((5, 5, 5)).reshape(3, -1).T - 2
    images = q[:, None] + shifts
    lengths = np.linalg.norm(images @ np.linalg.inv(cell).T, axis=-1)
    return images[np.arange(len(q)), lengths.argmin(axis=1)]


@pytest.mark.parametrize("name", ["rocksalt", "wurtzite"])
def test_born_files_are_expanded_by_symmetry(name, tmp_path):
    made = with_born(displaced(name))
    params = made.nac_params
    write_disp(made, tmp_path)
    in_yaml = mj.read_phonopy(tmp_path)
    made.nac_params = None
    write_disp(made, tmp_path)
    plain = mj.read_phonopy(tmp_path)
    file_io.write_BORN(
        made.primitive, params["born"], params["dielectric"], tmp_path / "BORN"
    )
    found = mj.read_phonopy(tmp_path)
    lines = (tmp_path / "BORN").read_text().splitlines()
    assert len(lines) == 4  # two of the four atoms of wurtzite
    assert_allclose(found.source.dipoles.charges, params["born"], atol=1e-7)  # digits
    assert_allclose(found.source.dipoles.dielectric, params["dielectric"], atol=1e-7)
    # 14.4 eV Å in the one, 14.39964 in the other
    assert_allclose(found.frequencies(Q), in_yaml.frequencies(Q), atol=1e-3)
    (tmp_path / "BORN").write_text("\n".join(["14.400", *lines[1:]]))
    found = mj.read_phonopy(tmp_path)
    assert_allclose(found.frequencies(Q), in_yaml.frequencies(Q), atol=1e-6)  # digits
    assert abs(found.frequencies(Q) - plain.frequencies(Q)).max() > 0.1


def test_the_primitive_cell_is_found_where_the_file_names_none(tmp_path):
    made = displaced("rocksalt")
    write_disp(made, tmp_path)
    path = tmp_path / "phonopy_disp.yaml"
    expected = mj.read_phonopy(tmp_path)
    text = path.read_text()
    start = text.index("primitive_matrix:")
    path.write_text(text[:start] + text[text.index("supercell_matrix:") :])
    found = mj.read_phonopy(tmp_path)
    assert_allclose(found.crystal.cell, made.primitive.cell, atol=1e-9)
    assert_allclose(found.frequencies(Q), expected.frequencies(Q), atol=1e-7)
    with pytest.raises(ValueError, match="3 x 3 and not singular"):
        mj.read_phonopy(tmp_path, primitive_matrix=[[1, 0, 0]])
    with pytest.raises(ValueError, match="must be lattice vectors"):
        mj.read_phonopy(tmp_path, primitive_matrix=np.diag([1, 1, 0.3]))
    whole = mj.read_phonopy(tmp_path, primitive_matrix=np.eye(3))
    assert whole.crystal.n_atoms == 8
    top = whole.frequencies(np.zeros(3)).max()
    everywhere = [found.frequencies(q) for q in ([0, 0, 0], [0.5, 0.5, 0])]
    assert_allclose(top, np.max(everywhere), atol=1e-7)


class TestFilesThatDoNotBelongTogether:
    @pytest.fixture
    def folder(self, tmp_path):
        made = with_born(displaced("rocksalt"))
        params = made.nac_params
        made.nac_params = None
        write_disp(made, tmp_path)
        file_io.write_BORN(
            made.primitive, params["born"], params["dielectric"], tmp_path / "BORN"
        )
        return tmp_path

    def test_no_file(self, folder):
        with pytest.raises(FileNotFoundError, match=r"phonopy_params\.yaml"):
            mj.read_phonopy(folder / "nothing")

    def test_no_forces(self, folder):
        (folder / "FORCE_SETS").unlink()
        with pytest.raises(FileNotFoundError, match="neither FORCE_SETS nor"):
            mj.read_phonopy(folder)
        (folder / "force_constants.hdf5").write_bytes(b"")
        with pytest.raises(FileNotFoundError, match="as text"):
            mj.read_phonopy(folder)

    def test_forces_of_another_supercell(self, folder):
        other = displaced("skewed")
        file_io.write_FORCE_SETS(other.dataset, filename=folder / "FORCE_SETS")
        with pytest.raises(ValueError, match="forces on the 8 atoms"):
            mj.read_phonopy(folder)

    def test_forces_of_other_displacements(self, folder):
        path = folder / "FORCE_SETS"
        path.write_text(path.read_text().replace("0.0200000", "0.0300000"))
        with pytest.raises(ValueError, match=r"set 1 differ by 0\.01 Å"):
            mj.read_phonopy(folder)

    def test_a_set_too_few(self, folder):
        path = folder / "FORCE_SETS"
        lines = path.read_text().splitlines()
        lines[1] = "1"
        path.write_text("\n".join(lines[: 2 + (len(lines) - 2) // 2]))
        with pytest.raises(ValueError, match="each of 2 displacements"):
            mj.read_phonopy(folder)

    def test_forces_cut_short(self, folder):
        path = folder / "FORCE_SETS"
        path.write_text("\n".join(path.read_text().splitlines()[:-2]))
        with pytest.raises(ValueError, match="cut short"):
            mj.read_phonopy(folder)

    def test_forces_that_are_no_numbers(self, folder):
        path = folder / "FORCE_SETS"
        path.write_text(path.read_text() + "end\n")
        with pytest.raises(ValueError, match="numbers only"):
            mj.read_phonopy(folder)

    def test_a_set_of_an_atom_is_missing(self, folder):
        path = folder / "FORCE_SETS"
        lines = path.read_text().splitlines()
        lines[1] = "1"
        path.write_text("\n".join(lines[: 2 + (len(lines) - 2) // 2]))
        yaml = folder / "phonopy_disp.yaml"
        text = yaml.read_text()
        yaml.write_text(text[: text.index("displacements:")])
        with pytest.raises(ValueError, match="sets of forces missing"):
            mj.read_phonopy(folder)

    def test_charges_of_another_number_of_atoms(self, folder):
        path = folder / "BORN"
        path.write_text(path.read_text() + "\n" + "1.0 0 0 0 1.0 0 0 0 1.0")
        with pytest.raises(ValueError, match="of the 2 atoms"):
            mj.read_phonopy(folder)

    def test_charges_that_do_not_add_up(self, folder):
        path = folder / "BORN"
        path.write_text(path.read_text().replace("-1.1", " 1.1"))
        with pytest.raises(ValueError, match="add up to zero"):
            mj.read_phonopy(folder)

    def test_charges_that_break_the_symmetry(self, folder):
        lines = (folder / "BORN").read_text().splitlines()
        lines[2] = "1.1 0 0.5 0 1.1 0 0 0 1.1"
        (folder / "BORN").write_text("\n".join(lines))
        with pytest.raises(ValueError, match="space group Fm-3m"):
            mj.read_phonopy(folder)

    def test_a_line_of_eight_numbers(self, folder):
        path = folder / "BORN"
        path.write_text(path.read_text().rsplit(maxsplit=1)[0])
        with pytest.raises(ValueError, match="nine numbers"):
            mj.read_phonopy(folder)

    def test_force_constants_of_another_supercell(self, folder):
        other = displaced("skewed")
        other.produce_force_constants()
        file_io.write_FORCE_CONSTANTS(
            other.force_constants, filename=folder / "FORCE_CONSTANTS"
        )
        with pytest.raises(ValueError, match="all 8 of the supercell"):
            mj.read_phonopy(folder)

    def test_yaml_that_is_none(self, folder):
        (folder / "phonopy_disp.yaml").write_text("a: [1, 2")
        with pytest.raises(ValueError, match="cannot be read as YAML"):
            mj.read_phonopy(folder)
        (folder / "phonopy_disp.yaml").write_text("a: 1\n")
        with pytest.raises(ValueError, match="unit_cell is missing"):
            mj.read_phonopy(folder)

    def test_an_unknown_method(self, folder):
        with pytest.raises(ValueError, match="'gonze' or 'wang'"):
            mj.read_phonopy(folder, method="ewald")


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
