"""Phonons for other programs: phonopy, the phonon website, and viewers of XYZ files."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from scipy import constants as _si

from matjax.arrays import Array, Float, Int
from matjax.crystals import Crystal, commensurate_q, make_supercell, write
from matjax.files import write_text
from matjax.lattice_dynamics.bands import Bands
from matjax.lattice_dynamics.harmonic import Phonons
from matjax.lattice_dynamics.polar import Polar, Wang
from matjax.lattice_dynamics.transitions.order_parameter import commensurate_cell
from matjax.units import THZ

WAVE_NUMBER = 1e12 / (_si.c * 100)
"""1/cm of 1 THz."""

MAX_ATOMS = 20_000
"""Most atoms of the supercell of an animation."""


def write_phonopy(
    path: str | os.PathLike[str],
    phonons: Phonons,
    supercell: Sequence[int] | Int[Array, "3 3"],
    *,
    overwrite: bool = False,
) -> Path:
    """Writes a phonopy_params.yaml with force constants, and Born charges if polar.

    ``phonopy-load`` and ``phonopy.load`` open it; unit cell and primitive cell are the
    crystal's. The force constants are those of Φ(q) at the wave vectors commensurate
    with the supercell, where frequencies are the same; between them they are phonopy's
    interpolation, as for phonons that were read from its files.

    Args:
        path: the file, or a folder for a ``phonopy_params.yaml``, which is made.
        phonons: of any source, with concrete numbers.
        supercell: three integers, or a matrix in units of the crystal's cell; for polar
            phonons the grid of their correction.
        overwrite: replace a file that exists.

    Returns:
        The file.

    Raises:
        FileExistsError: if the file exists.
        ValueError: if the supercell is none.
    """
    path = Path(path)
    if path.suffix != ".yaml":
        path = path / "phonopy_params.yaml"
    _require_new(path, overwrite)
    crystal = phonons.crystal
    matrix = np.asarray(make_supercell(crystal, supercell).matrix)
    if np.linalg.det(matrix) < 0:
        matrix = -matrix  # the same lattice; phonopy wants a positive determinant
    cells = _phonopys_cells(matrix)
    lines = [
        "phonopy:",
        f"  frequency_unit_conversion_factor: {THZ:.8f}",
        "physical_unit:",
        '  atomic_mass: "AMU"',
        '  length: "angstrom"',
        '  force_constants: "eV/angstrom^2"',
        *_matrix("primitive_matrix", np.eye(3)),
        # phonopy has vectors as columns.
        "supercell_matrix:",
        *(f"- [ {a}, {b}, {c} ]" for a, b, c in matrix.T.tolist()),
        *_cell("primitive_cell", crystal, phonons.masses),
        *_cell("unit_cell", crystal, phonons.masses),
        *_cell("supercell", *_repeated(crystal, phonons.masses, matrix, cells)),
        *(_polar(phonons.source) if isinstance(phonons.source, Polar) else ()),
        *_force_constants(phonons, matrix, cells),
    ]
    _write_whole(path, "\n".join(lines) + "\n")
    return path


def write_phononwebsite(
    path: str | os.PathLike[str],
    phonons: Phonons,
    bands: Bands,
    *,
    name: str | None = None,
    repetitions: Sequence[int] = (3, 3, 3),
    overwrite: bool = False,
) -> Path:
    """Writes bands and eigenvectors as JSON for the phonon website.

    Bands that have been connected keep their branches. Format: the website of
    H. Miranda, https://henriquemiranda.github.io/phononwebsite.

    Args:
        path: the file.
        phonons: from which the bands are.
        bands: as ``phonons.bands()`` returns them.
        name: shown above the figure; by default the formula.
        repetitions: cells that are drawn.
        overwrite: replace a file that exists.

    Returns:
        The file.

    Raises:
        FileExistsError: if the file exists.
    """
    path = Path(path)
    _require_new(path, overwrite)
    crystal = phonons.crystal
    modes = phonons.modes(bands.path.q)
    # The website moves atom j of cell R by the vector times exp(2πi q·R).
    roots = np.sqrt(np.repeat(phonons.masses, 3))
    vectors = np.swapaxes(np.asarray(modes.eigenvectors) / roots[:, None], 1, 2)
    frequencies = np.asarray(bands.frequencies)
    if bands.branches is not None:
        order = np.asarray(bands.branches)
        vectors = np.take_along_axis(vectors, order[:, :, None], axis=1)
        frequencies = np.take_along_axis(frequencies, order, axis=1)
    vectors = vectors.reshape(*frequencies.shape, crystal.n_atoms, 3)
    formula = _formula(crystal.symbols)
    content = {
        "name": name or formula,
        "formula": formula,
        "natoms": crystal.n_atoms,
        "lattice": np.asarray(crystal.cell).tolist(),
        "atom_types": crystal.symbols,
        "atom_numbers": np.asarray(crystal.numbers).tolist(),
        "atom_pos_red": np.asarray(crystal.fractional).tolist(),
        "atom_pos_car": np.asarray(crystal.positions).tolist(),
        "repetitions": [int(n) for n in repetitions],
        "qpoints": bands.path.q.tolist(),
        "distances": bands.path.distance.tolist(),
        "line_breaks": [list(line) for line in bands.path.lines],
        "highsym_qpts": _merged_labels(bands),
        "eigenvalues": (frequencies * WAVE_NUMBER).tolist(),
        "vectors": np.stack([vectors.real, vectors.imag], axis=-1).tolist(),
    }
    _write_whole(path, json.dumps(content, ensure_ascii=False))
    return path


def write_animation(
    path: str | os.PathLike[str],
    phonons: Phonons,
    q: Float[Array, "3"] | Sequence,
    mode: int,
    *,
    amplitude: float = 0.3,
    n_frames: int = 24,
    supercell: Sequence[int] | Int[Array, "3 3"] | None = None,
    overwrite: bool = False,
) -> Path:
    """Writes one period of a mode as frames of extended XYZ.

    u_jR(t) = Re e_j exp(2πi (q·R − t)) / √m_j, scaled, with t from 0 to 1.

    Args:
        path: the file, such as ``mode.extxyz``.
        phonons: with concrete numbers.
        q: in reciprocal lattice units, of fractions with small denominators.
        mode: index in the order of the frequencies.
        amplitude: largest displacement of an atom, Å.
        n_frames: of the period; the last is followed by the first.
        supercell: that the wave repeats in; by default the smallest.
        overwrite: replace a file that exists.

    Returns:
        The file.

    Raises:
        FileExistsError: if the file exists.
        ValueError: if there is no such mode, the wave does not repeat in the supercell,
            or that has more than MAX_ATOMS atoms.
    """
    q = np.asarray(q, dtype=float)
    n_modes = 3 * phonons.crystal.n_atoms
    if not 0 <= mode < n_modes:
        raise ValueError(f"modes are 0 to {n_modes - 1}; received {mode}")
    if n_frames < 1:
        raise ValueError(f"an animation needs one frame or more; received {n_frames}")
    if supercell is None:
        supercell = commensurate_cell(q[None], phonons.crystal)
    larger = make_supercell(phonons.crystal, supercell)
    turns = larger.matrix @ q
    if abs(turns - np.rint(turns)).max() > 1e-6:
        raise ValueError(
            f"the wave must repeat with every vector of the supercell; with q = {q} "
            f"they see {turns} waves"
        )
    if larger.crystal.n_atoms > MAX_ATOMS:
        raise ValueError(
            f"the wave repeats in a supercell of {larger.crystal.n_atoms} atoms; "
            f"choose q with smaller denominators, for {MAX_ATOMS} atoms at most"
        )
    vector = np.asarray(phonons.modes(q).eigenvectors)[:, mode].reshape(-1, 3)
    vector = vector / np.sqrt(phonons.masses)[:, None]
    # An atom moves on an ellipse; this is its longer half axis.
    square = np.sum(vector**2, axis=1)
    longest = np.sqrt((np.sum(abs(vector) ** 2, axis=1) + abs(square)) / 2).max()
    phases = np.exp(2j * np.pi * (larger.translation @ q))
    wave = amplitude / longest * phases[:, None] * vector[larger.atom]
    times = np.exp(-2j * np.pi * np.arange(n_frames) / n_frames)
    positions = np.asarray(larger.crystal.positions)
    frames = [
        larger.crystal.with_positions(positions + (wave * time).real) for time in times
    ]
    write(path, frames, format="extxyz", overwrite=overwrite)
    return Path(path)


def _require_new(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; use overwrite=True to replace it")


def _write_whole(path: Path, text: str) -> None:
    """Write a file that appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)


def _phonopys_cells(matrix: np.ndarray) -> np.ndarray:
    """Cells of a supercell in the order in which phonopy makes them from the matrix.

    It walks through a box that holds the supercell, first index first, and leaves out
    what it has seen.
    """
    corners = np.array(list(np.ndindex(2, 2, 2))) @ matrix
    box = np.ptp(corners, axis=0)
    cells = np.indices(box[::-1]).reshape(3, -1).T[:, ::-1]
    size = round(abs(np.linalg.det(matrix)))
    inside = np.rint(size * cells @ np.linalg.inv(matrix)).astype(int) % size
    first = np.sort(np.unique(inside, axis=0, return_index=True)[1])
    return cells[first]


def _repeated(
    crystal: Crystal, masses: Array, matrix: np.ndarray, cells: np.ndarray
) -> tuple[Crystal, np.ndarray]:
    """The supercell atom by atom, each in all cells, as phonopy has it."""
    places = np.asarray(crystal.fractional)[:, None] + cells
    larger = Crystal.create(
        np.repeat(crystal.numbers, len(cells)),
        matrix @ np.asarray(crystal.cell),
        fractional=places.reshape(-1, 3) @ np.linalg.inv(matrix) % 1.0,
    )
    return larger, np.repeat(masses, len(cells))


def _force_constants(
    phonons: Phonons, matrix: np.ndarray, cells: np.ndarray
) -> Iterable[str]:
    n = phonons.crystal.n_atoms
    q = commensurate_q(matrix)
    phases = np.exp(-2j * np.pi * (cells @ q.T)) / len(q)
    on_grid = np.asarray(phonons.force_constants(q)).reshape(len(q), -1)
    blocks = (phases @ on_grid).real.reshape(-1, n, 3, n, 3).transpose(1, 3, 0, 2, 4)
    yield "force_constants:"
    yield '  format: "compact"'
    yield f"  shape: [ {n}, {n * len(cells)} ]"
    yield "  elements:"
    for block in blocks.reshape(-1, 3, 3):
        yield "  -"
        yield from (f"    - [ {_row(row, 21)} ]" for row in block)


def _polar(source: Polar) -> Iterable[str]:
    yield "nac:"
    yield "  born_effective_charge:"
    for charge in np.asarray(source.dipoles.charges):
        yield "  -"
        yield from (f"    - [ {_row(row)} ]" for row in charge)
    yield "  dielectric_constant:"
    for row in np.asarray(source.dipoles.dielectric):
        yield f"    - [ {_row(row)} ]"
    method = "Wang" if isinstance(source.correction, Wang) else "Gonze"
    yield f'  method: "{method}"'
    yield f"  unit_conversion_factor: {float(source.dipoles.coulomb):.10f}"


def _cell(name: str, crystal: Crystal, masses: Array) -> Iterable[str]:
    yield f"{name}:"
    yield "  lattice:"
    for row in np.asarray(crystal.cell):
        yield f"  - [ {_row(row, 21)} ]"
    yield "  points:"
    places = zip(crystal.symbols, crystal.fractional, masses, strict=True)
    for symbol, place, mass in places:
        yield f"  - symbol: {symbol}"
        yield f"    coordinates: [ {_row(place)} ]"
        yield f"    mass: {mass:.6f}"


def _matrix(name: str, matrix: np.ndarray) -> Iterable[str]:
    yield f"{name}:"
    yield from (f"- [ {_row(row)} ]" for row in matrix)


def _row(numbers: np.ndarray, width: int = 18) -> str:
    return ", ".join(f"{x:{width}.15f}" for x in numbers)


def _merged_labels(bands: Bands) -> list[list]:
    """Row and label of each named place; the two ends of a break share one."""
    merged: list[list] = []
    for row, label in bands.path.ticks:
        last = merged[-1] if merged else None
        here = float(bands.path.distance[row])
        if last is None or float(bands.path.distance[last[0]]) != here:
            merged.append([int(row), label])
        elif label not in last[1].split("|"):
            last[1] += f"|{label}"
    return merged


def _formula(symbols: list[str]) -> str:
    counts = Counter(symbols)
    return "".join(f"{s}{n if n > 1 else ''}" for s, n in counts.items())
