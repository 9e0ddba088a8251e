"""Heat capacities of many crystals at 300 K against those of DFT (MatCalc-Benchmark).

The task is that of MatCalc's PhononBenchmark: relax the crystal, compute its harmonic
phonons and from them the heat capacity at 300 K of the cell as given, in J/(mol K). The
phonons are exact ones on a regular mesh; MatCalc interpolates those of 2×2×2 supercells
with finite displacements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from pydantic import Field, PositiveInt

from matjax.arrays import Array, Complex, Float
from matjax.config import ExperimentConfig
from matjax.crystals import Crystal, Graph, Symmetry, heights, primitive, space_group
from matjax.phonons import force_constant_columns, regular_mesh, thermal_properties
from matjax.physics import Potential
from matjax.runs import Run
from matjax.survey import (
    choose,
    item_crystal,
    read_items,
    relax_sized,
    report,
    sized_potential,
    small_first,
    survey,
)
from matjax.units import BOLTZMANN, J_PER_MOL, THZ

TEMPERATURE = 300.0
DATA = "matcalc/alexandria-binary-pbe-phonon-2025.1.extxyz.gz"


class Config(ExperimentConfig):
    """Which crystals, in which potential, and how precisely."""

    potential: str = "nequix-oam-1-pft"
    """Name or file of a potential."""
    data: str = DATA
    """File of crystals with ``heat_capacity``; searched in ``MATJAX_DATA``."""
    limit: PositiveInt | None = None
    """Number of crystals, chosen at random by the seed; all by default."""
    max_atoms: PositiveInt | None = None
    """Of these, those with at most so many atoms in the cell; all by default."""
    fmax: float = Field(default=1e-3, gt=0)
    """Largest force after relaxation, eV/Å."""
    max_steps: PositiveInt = 300
    """Steps of the relaxation at most."""
    length: float = Field(default=6.0, gt=0)
    """The mesh has 1, 2, 3, … divisions along a reciprocal vector so that the crystal
    repeats itself after at least this length, Å."""
    potential_precision: Literal["float32", "float64"] = "float32"
    """Of the potential, in relaxation and force constants."""
    n_workers: PositiveInt = 1
    """Processes."""
    time_limit: float | None = Field(default=600.0, gt=0)
    """Seconds for one crystal, with what is compiled for it."""


def main(config: Config, run: Run) -> Mapping[str, float]:
    """Records of all crystals, a table, a figure and the mean errors."""
    items = read_items(config.data, ("heat_capacity",))
    keys = choose(items, config.limit, seed=config.seed)
    keys = small_first(keys, items, config.max_atoms)
    settings = config.model_dump(
        include={"potential", "fmax", "max_steps", "length", "potential_precision"}
    )
    records = survey(
        f"{__file__}:heat_capacity",
        {key: items[key] for key in keys},
        run.path("crystals.jsonl"),
        settings=settings,
        n_workers=config.n_workers,
        time_limit=config.time_limit,
        progress=run.progress,
    )
    return report(
        records,
        items,
        {"heat_capacity": "J_per_mol_K"},
        run,
        per_atom=("heat_capacity",),
    )


def heat_capacity(item: Mapping[str, Any], settings: Mapping[str, Any]) -> dict:
    """Heat capacity of the cell at 300 K, J/(mol K), and how it came about."""
    potential = sized_potential(settings["potential"], settings["potential_precision"])
    given = item_crystal(item)
    crystal = primitive(given)
    n_cells = given.n_atoms / crystal.n_atoms
    rest = relax_sized(
        potential, crystal, fmax=settings["fmax"], max_steps=settings["max_steps"]
    )
    shape = divisions(rest.crystal, settings["length"])
    matrices = mesh_force_constants(potential, rest.crystal, shape)
    capacity, imaginary, frequencies = capacity_of_mesh(rest.crystal, shape, matrices)
    return {
        "heat_capacity": n_cells * capacity,
        "imaginary_fraction": imaginary,
        "min_frequency_THz": float(frequencies.min()),
        "max_frequency_THz": float(frequencies.max()),
        "mesh": list(shape),
        "max_force_eV_per_A": rest.max_force,
        "volume_ratio": float(rest.crystal.volume / crystal.volume),
        "steps": rest.steps,
        "converged": rest.converged,
    }


def divisions(crystal: Crystal, length: float) -> tuple[int, int, int]:
    """Divisions of the reciprocal vectors: repeats along each until ``length`` (Å)."""
    tall = np.asarray(heights(np.asarray(crystal.cell)))
    # A relaxed height that differs by less than a percent shall not double the cost.
    n1, n2, n3 = np.ceil(length / tall - 0.01).astype(int).clip(1)
    return int(n1), int(n2), int(n3)


def capacity_of_mesh(
    crystal: Crystal,
    shape: tuple[int, int, int],
    matrices: Complex[Array, "q modes modes"],
) -> tuple[float, float, Float[Array, "q modes"]]:
    """Heat capacity of the cell, share of imaginary modes, and frequencies (THz).

    The translations at Γ count as what they are, classical modes of zero frequency with
    Boltzmann's constant each: the function summed is smooth in the matrices and the
    mean over a mesh converges fast. Imaginary modes are left out and the rest is not
    scaled up, as phonopy does it.
    """
    roots = np.sqrt(np.repeat(np.asarray(crystal.masses), 3))
    dynamical = matrices / np.outer(roots, roots)
    dynamical = (dynamical + dynamical.conj().swapaxes(1, 2)) / 2
    eigenvalues = np.linalg.eigvalsh(dynamical)
    frequencies = THZ * np.sign(eigenvalues) * np.sqrt(np.abs(eigenvalues))
    mesh = regular_mesh(crystal, shape, symmetry=False)
    thermal = thermal_properties(mesh, frequencies, [TEMPERATURE])
    translations = 3 * BOLTZMANN * J_PER_MOL / len(mesh.q)
    capacity = float(thermal.heat_capacity[0]) + translations
    return capacity, float(thermal.fraction_imaginary), frequencies


def mesh_force_constants(
    potential: Potential, crystal: Crystal, shape: tuple[int, int, int]
) -> Complex[Array, "q modes modes"]:
    """Φ at all points of a regular mesh, exact, eV/Å²; phases of atomic positions.

    One column of each orbit of atoms, at points of the mesh that the site's symmetry
    does not relate, is computed; the others follow. With q' = s q W⁻¹, s = ±1 by time
    reversal, an operation (W, w) of rotation R that takes atom j to j', i to i' gives

        D_i'j'(q') = R D_ij(q) Rᵀ  (its conjugate for s = −1),
        D_ij(q + G) = D_ij(q) exp(2πi G·(x_j − x_i)).
    """
    q = np.asarray(regular_mesh(crystal, shape, symmetry=False).q)
    group = _keeping(space_group(crystal), q)
    jobs = _needed_columns(crystal, group, q)
    graph = potential.graph(crystal)
    columns = _compute(potential, graph, q, jobs)
    return _spread(crystal, group, q, jobs, columns)


Job = tuple[int, int, np.ndarray]
"""Row of the point, atom, and directions to displace it along, (directions, 3)."""


def _needed_columns(crystal: Crystal, group: Symmetry, q: np.ndarray) -> list[Job]:
    rotations = _cartesian(crystal, group)
    jobs = []
    for atom in np.unique(group.equivalent):
        keeping = np.flatnonzero(group.permutation[:, atom] == atom)
        pending = np.ones(len(q), bool)
        for row in range(len(q)):
            if not pending[row]:
                continue
            images, _, _ = _images(group, q, row)  # (2, operations)
            pending[images[:, keeping]] = False
            stay = keeping[(images[:, keeping] == row).any(axis=0)]
            jobs.append((row, int(atom), _directions(rotations[stay])))
    return jobs


def _keeping(group: Symmetry, q: np.ndarray) -> Symmetry:
    """The operations that carry the mesh onto itself."""
    inverses = np.linalg.inv(np.asarray(group.rotations, float))
    apart = (q @ inverses)[:, :, None] - q
    distance = np.abs(apart - np.rint(apart)).sum(axis=-1).min(axis=-1)
    kept = distance.max(axis=1) < 1e-6
    permutation = group.permutation[kept]
    return group.replace(
        rotations=group.rotations[kept],
        translations=group.translations[kept],
        permutation=permutation,
        equivalent=permutation.min(axis=0),
    )


def _directions(rotations: np.ndarray) -> np.ndarray:
    """Few unit vectors whose images under the rotations span all directions."""
    chosen: list[np.ndarray] = []
    spanned = np.zeros((0, 3))
    # A general vector first: one does where the rotations mix all axes.
    for axis in (*np.eye(3), np.array([0.48, 0.6, 0.64])):
        more = np.concatenate([spanned, rotations @ axis])
        if _rank(more) > _rank(spanned):
            chosen.append(axis)
            spanned = more
    return np.array(chosen)


def _rank(vectors: np.ndarray) -> int:
    return int(np.linalg.matrix_rank(vectors, tol=1e-2)) if len(vectors) else 0


def _images(
    group: Symmetry, q: np.ndarray, row: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of s q W⁻¹, the signs s and the reciprocal vectors G between the two."""
    inverses = np.linalg.inv(np.asarray(group.rotations, float))
    signs = np.array([1.0, -1.0])
    moved = signs[:, None, None] * (q[row] @ inverses)
    apart = moved[:, :, None] - q
    lattice = np.rint(apart)
    rows = np.abs(apart - lattice).sum(axis=-1).argmin(axis=-1)
    shifts = np.take_along_axis(lattice, rows[:, :, None, None], axis=2)[:, :, 0]
    return rows, signs, shifts


def _cartesian(crystal: Crystal, group: Symmetry) -> np.ndarray:
    """Rotations of columns of Cartesian coordinates, (operations, 3, 3)."""
    cell = np.asarray(crystal.cell, float).T
    return cell @ np.asarray(group.rotations, float) @ np.linalg.inv(cell)


def _compute(
    potential: Potential, graph: Graph, q: np.ndarray, jobs: list[Job]
) -> list[np.ndarray]:
    """For each job Φ(q) times its displacements, (directions, nodes, 3).

    Where 2q is a reciprocal vector Φ is real: one complex displacement then carries two
    real ones.
    """
    wanted = [(row, atom, d) for row, atom, ds in jobs for d in ds]
    lone: list[list[int]] = []
    for k in sorted(range(len(wanted)), key=lambda k: wanted[k][0]):
        row = wanted[k][0]
        real = np.allclose(2 * q[row], np.rint(2 * q[row]))
        pair = lone and len(lone[-1]) == 1 and wanted[lone[-1][0]][0] == row
        if real and pair:
            lone[-1].append(k)
        else:
            lone.append([k])
    points = np.array([q[wanted[ks[0]][0]] for ks in lone])
    moves = np.zeros((len(lone), graph.n_nodes, 3), complex)
    for move, ks in zip(moves, lone, strict=True):
        for k, factor in zip(ks, (1, 1j), strict=False):
            move[wanted[k][1]] += factor * wanted[k][2]

    products = _products(potential, graph, points, moves)
    columns: list[Any] = [None] * len(wanted)
    for product, ks in zip(products, lone, strict=True):
        parts = (product.real, product.imag) if len(ks) == 2 else (product,)
        for k, part in zip(ks, parts, strict=True):
            columns[k] = part
    ends = np.cumsum([len(ds) for _, _, ds in jobs])
    return [
        np.array(columns[end - len(d) : end])
        for end, (_, _, d) in zip(ends, jobs, strict=True)
    ]


def _products(
    potential: Potential, graph: Graph, points: np.ndarray, moves: np.ndarray
) -> np.ndarray:
    """Φ(q) u for points and displacements, one after the other.

    On a CPU core several at once take longer, as they leave its cache.
    """
    points = points.astype(graph.positions.dtype)
    moves = moves.astype(jnp.result_type(points.dtype, jnp.complex64))
    pairs = zip(points, moves, strict=True)
    found = [jax.device_get(_column(potential, graph, q, u)) for q, u in pairs]
    return np.array(found, complex)


_column = jax.jit(force_constant_columns)


def _spread(
    crystal: Crystal,
    group: Symmetry,
    q: np.ndarray,
    jobs: list[Job],
    columns: list[np.ndarray],
) -> np.ndarray:
    """Matrices at all points from the columns of the jobs."""
    n = crystal.n_atoms
    x = np.asarray(crystal.fractional, float)
    rotations = _cartesian(crystal, group)
    matrices = np.full((len(q), n, 3, n, 3), np.nan, complex)
    for (row, atom, directions), column in zip(jobs, columns, strict=True):
        # From phases of cells to phases of positions.
        phases = np.exp(2j * np.pi * ((x[atom] - x) @ q[row]))
        known = column[:, :n] * phases[:, None]
        rows, signs, shifts = _images(group, q, row)

        def turned(
            values: np.ndarray,
            place: tuple[int, int],
            *,
            images: tuple[np.ndarray, np.ndarray] = (signs, shifts),
            atom: int = atom,
        ) -> np.ndarray:
            """Vectors (…, atoms, 3) of the response, carried by an operation."""
            s, g = place
            to = group.permutation[g]
            values = values.conj() if images[0][s] < 0 else values
            moved = np.empty_like(values)
            moved[..., to, :] = values @ rotations[g].T
            gauge = np.exp(-2j * np.pi * ((x[to[atom]] - x) @ images[1][s, g]))
            return moved * gauge[:, None]

        places = list(np.ndindex(rows.shape))
        stay = [
            p
            for p in places
            if rows[p] == row and group.permutation[p[1], atom] == atom
        ]
        along = np.concatenate([directions @ rotations[g].T for _, g in stay])
        seen = np.concatenate([turned(known, p) for p in stay])
        # block[α] is the response to a unit displacement along α.
        block = np.einsum("ak,kni->ani", np.linalg.pinv(along), seen)
        for p in places:
            r = rotations[p[1]]
            image = np.einsum("ba,ani->bni", r, turned(block, p))
            target = group.permutation[p[1], atom]
            matrices[rows[p], :, :, target] = image.transpose(1, 2, 0)
    return matrices.reshape(len(q), 3 * n, 3 * n)
