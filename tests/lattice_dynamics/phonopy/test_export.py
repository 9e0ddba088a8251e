"""Files for other programs: what they open is what was written."""

import json

import ase.io
import numpy as np
import pytest
from numpy.testing import assert_allclose

import matjax as mj
from matjax.crystals import commensurate_q
from matjax.force_constants import band_path
from matjax.lattice_dynamics import path_with_limits, with_polar
from matjax.lattice_dynamics.phonopy import (
    write_animation,
    write_phononwebsite,
    write_phonopy,
)
from matjax.units import THZ
from tests.force_constants.ionic import rocksalt, spring_phonons, triclinic, wurtzite

SKEWED = np.array([[2, 0, 1], [0, 2, 0], [-1, 0, 2]])
Q = np.random.default_rng(3).uniform(-0.5, 0.5, (20, 3))


def salt(method="gonze", grid=(2, 2, 2)):
    charges = np.array([np.eye(3), -np.eye(3)])
    plain = spring_phonons(rocksalt(), grid)
    return with_polar(plain, 1.1 * charges, 2.4 * np.eye(3), grid, method=method)


def phonopys(path):
    phonopy = pytest.importorskip("phonopy", reason="phonopy is not installed")
    return phonopy.load(path, primitive_matrix="auto")


def frequencies(theirs, q):
    theirs.run_qpoints(q)
    return theirs.qpoints.frequencies


@pytest.mark.parametrize("make", [rocksalt, wurtzite, triclinic])
@pytest.mark.parametrize("supercell", [(2, 2, 1), SKEWED], ids=["diagonal", "skewed"])
def test_phonopy_opens_the_file_with_the_same_frequencies(make, supercell, tmp_path):
    ours = spring_phonons(make(), supercell)
    path = write_phonopy(tmp_path / "new", ours, supercell)
    assert path == tmp_path / "new" / "phonopy_params.yaml"
    theirs = phonopys(path)
    assert list(theirs.primitive.symbols) == ours.crystal.symbols
    # THz; phonopy's physical constants have seven digits
    assert_allclose(frequencies(theirs, Q), ours.frequencies(Q), atol=1e-5)
    again = mj.read_phonopy(tmp_path / "new")
    assert_allclose(again.frequencies(Q), ours.frequencies(Q), atol=1e-7)  # 15 digits


def test_frequencies_of_a_finer_source_are_kept_on_the_grid(tmp_path):
    ours = spring_phonons(wurtzite(), (4, 4, 2))
    theirs = phonopys(write_phonopy(tmp_path, ours, (2, 2, 1)))
    q = commensurate_q((2, 2, 1))[1:]
    assert_allclose(frequencies(theirs, q), ours.frequencies(q), atol=1e-5)


@pytest.mark.parametrize("method", ["gonze", "wang"])
def test_polar_phonons_keep_their_charges(method, tmp_path):
    ours = salt(method)
    path = write_phonopy(tmp_path / "salt.yaml", ours, (2, 2, 2))
    again = mj.read_phonopy(path)
    assert type(again.source.correction) is type(ours.source.correction)
    assert_allclose(again.frequencies(Q), ours.frequencies(Q), atol=1e-7)
    theirs = phonopys(path)
    line = np.linspace(0.05, 1, 10)[:, None] * [0.5, 0.5, 0]
    # phonopy's own default width of its Ewald sum
    assert_allclose(frequencies(theirs, line), ours.frequencies(line), atol=1e-3)
    theirs.run_qpoints([[0, 0, 0]], nac_q_direction=[1, 1, 0])
    limit = ours.towards([1, 1, 0]).frequencies(np.zeros(3))
    assert_allclose(theirs.qpoints.frequencies[0, 3:], limit[3:], atol=1e-5)


def test_the_website_gets_branches_labels_and_displacements(tmp_path):
    ours = salt()
    bands = ours.bands(band_path(ours.crystal, spacing=0.3))
    path = write_phononwebsite(tmp_path / "salt.json", ours, bands)
    content = json.loads(path.read_text(encoding="utf-8"))
    n_q = len(bands.path.q)
    assert content["formula"] == "NaCl"
    assert content["natoms"] == 2
    assert [label for _, label in content["highsym_qpts"]] == [
        *("Γ", "X", "U|K", "Γ", "L", "W", "X")
    ]
    assert content["line_breaks"][0][0] == 0
    assert content["line_breaks"][-1][1] == n_q
    assert_allclose(content["qpoints"], path_with_limits(bands.path).q)
    in_order = np.sort(content["eigenvalues"], axis=1) / 33.3564095198152
    assert_allclose(in_order, bands.frequencies, rtol=1e-9, atol=1e-9)
    assert_allclose(
        np.array(content["eigenvalues"]) / 33.3564095198152, bands.connected
    )
    vectors = np.array(content["vectors"])
    assert vectors.shape == (n_q, 6, 2, 3, 2)
    displacements = vectors[..., 0] + 1j * vectors[..., 1]
    row = n_q // 3
    roots = np.sqrt(np.repeat(ours.masses, 3))
    matrix = ours.dynamical_matrix(bands.path.q[row])
    for k in range(6):
        e = roots * displacements[row, k].ravel()
        rayleigh = (e.conj() @ matrix @ e).real / (e.conj() @ e).real
        nu = bands.connected[row, k]
        assert_allclose(rayleigh, (nu / THZ) ** 2, rtol=1e-8)


@pytest.mark.parametrize("q", [[0, 0, 0], [0.5, 0, 0], [1 / 3, 1 / 3, 0]])
def test_frames_of_an_animation_move_by_the_mode(q, tmp_path):
    ours = spring_phonons(wurtzite())
    path = write_animation(tmp_path / "mode.extxyz", ours, q, 5, amplitude=0.2)
    frames = ase.io.read(path, ":")
    assert len(frames) == 24
    rest = np.mean([frame.positions for frame in frames], axis=0)
    moved = np.array([frame.positions for frame in frames]) - rest
    longest = np.linalg.norm(moved, axis=-1).max()
    # Å: 24 phases may miss the end of the ellipse by 1 %
    assert 0.2 * 0.99 < longest < 0.2 + 1e-7
    # The wave: its time average against exp(2πit) is the complex displacement.
    times = np.exp(2j * np.pi * np.arange(24) / 24)
    wave = 2 * np.tensordot(times, moved, 1) / 24
    n_cells = len(rest) // 4
    cells = np.rint(
        (rest - np.tile(rest[:4], (n_cells, 1))) @ np.linalg.inv(ours.crystal.cell)
    )
    e = np.sqrt(np.repeat(ours.masses, 3)) * wave[:4].ravel()
    _, vectors = ours.modes(np.array(q, dtype=float))
    overlaps = abs(vectors.conj().T @ e) ** 2 / np.sum(abs(e) ** 2)
    assert_allclose(overlaps[5], 1, rtol=1e-6)  # digits of the file
    phases = np.exp(2j * np.pi * cells @ q)[:, None]
    assert_allclose(wave, phases * np.tile(wave[:4], (n_cells, 1)), atol=1e-7)


def test_what_cannot_be_animated_is_refused(tmp_path):
    ours = spring_phonons(rocksalt())
    path = tmp_path / "mode.extxyz"
    with pytest.raises(ValueError, match="0 to 5; received 6"):
        write_animation(path, ours, [0, 0, 0], 6)
    with pytest.raises(ValueError, match="wave must repeat"):
        write_animation(path, ours, [0.5, 0, 0], 0, supercell=(1, 2, 2))
    with pytest.raises(ValueError, match="smaller denominators"):
        write_animation(path, ours, [0.01, 0.01, 0.03], 0, supercell=(100, 100, 100))
    with pytest.raises(ValueError, match="one frame"):
        write_animation(path, ours, [0, 0, 0], 0, n_frames=0)
    assert not path.exists()


def test_files_are_replaced_only_if_asked(tmp_path):
    ours = spring_phonons(rocksalt())
    bands = ours.bands(spacing=0.5)
    for name, make in {
        "a.yaml": lambda path, **k: write_phonopy(path, ours, (2, 2, 2), **k),
        "b.json": lambda path, **k: write_phononwebsite(path, ours, bands, **k),
        "c.extxyz": lambda path, **k: write_animation(path, ours, [0, 0, 0], 3, **k),
    }.items():
        path = tmp_path / name
        make(path)
        written = path.stat().st_size
        with pytest.raises(FileExistsError, match="overwrite=True"):
            make(path)
        path.write_text("old")
        assert make(path, overwrite=True) == path
        assert path.stat().st_size == written
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "a.yaml",
        "b.json",
        "c.extxyz",
    ]
