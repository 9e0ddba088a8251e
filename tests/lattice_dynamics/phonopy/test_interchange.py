"""Phonopy's files against phonopy itself, that made them of forces of springs."""

import gzip

import numpy as np
import pytest
from numpy.testing import assert_allclose

import matjax as mj
from matjax.crystals import Crystal
from matjax.force_constants import from_supercell
from matjax.lattice_dynamics.phonopy import interchange
from tests.force_constants.ionic import spring_constants
from tests.lattice_dynamics.phonopy.calculations import (
    CASES,
    CONSTANTS,
    FCC,
    Q,
    atoms,
    conventional_rocksalt,
    displaced,
    file_io,
    first_zone,
    frequencies,
    phonopy,
    with_born,
    write_disp,
)


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
    without = mj.read_phonopy(tmp_path, polar=False)
    assert_allclose(without.frequencies(Q), plain.frequencies(Q), rtol=0)
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


def loose_rutile():
    """A calculation for rutile whose atoms are off their places by some 3e-4 Å.

    Springs from each atom to all sites of the supercell, in equal parts to equally near
    images, so that ties decide between the points of the grid.
    """
    cell = np.diag([4.62, 4.62, 2.97])
    u = 0.305
    places = [
        *([0, 0, 0], [0.5, 0.5, 0.5]),
        *([u, u, 0], [-u, -u, 0], [0.5 - u, 0.5 + u, 0.5], [0.5 + u, 0.5 - u, 0.5]),
    ]
    noise = np.random.default_rng(3).normal(size=(6, 3)) * 3e-4
    exact = Crystal.create([22, 22, 8, 8, 8, 8], cell, fractional=places)
    loose = exact.with_positions(exact.positions + noise)
    made, ideal = (
        phonopy.Phonopy(
            atoms(crystal), 2 * np.eye(3), primitive_matrix=np.eye(3), symprec=5e-3
        )
        for crystal in (loose, exact)
    )
    made.generate_displacements(distance=0.02)
    there = ideal.supercell
    blocks = spring_constants(there.cell, there.scaled_positions, there.numbers)
    made.forces = [
        -np.einsum("iajb,jb->ia", blocks.swapaxes(1, 2), shift)
        for moved in made.supercells_with_displacements
        for shift in [moved.positions - made.supercell.positions]
    ]
    return made


def test_ties_of_interpolation_have_the_tolerance_of_the_file(tmp_path, monkeypatch):
    made = loose_rutile()
    assert len(made.displacements) == 3
    made.save(tmp_path / "phonopy_params.yaml")
    theirs = phonopy.load(tmp_path / "phonopy_params.yaml", symprec=5e-3)
    expected = frequencies(theirs)
    read = mj.read_phonopy(tmp_path)
    assert_allclose(read.frequencies(Q), expected, atol=CONSTANTS)
    assert_allclose(
        mj.read_phonopy(tmp_path, symprec=5e-3).frequencies(Q), expected, atol=CONSTANTS
    )
    # With phonopy's usual 1e-5 Å there, ties are split, and frequencies differ.
    monkeypatch.setattr(
        interchange,
        "from_supercell",
        lambda *arguments, tolerance, **others: from_supercell(*arguments, **others),
    )
    split = mj.read_phonopy(tmp_path)
    assert abs(split.frequencies(Q) - expected).max() > 0.05
