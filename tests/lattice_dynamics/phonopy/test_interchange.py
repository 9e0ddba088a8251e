"""Phonopy's files against phonopy itself, that made them of forces of springs."""

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
    Q,
    atoms,
    displaced,
    file_io,
    first_zone,
    frequencies,
    phonopy,
    with_born,
    write_disp,
)


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
