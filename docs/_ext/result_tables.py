"""Tables of ``experiments/results/*.json``, each by a function of that folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

SPACE = "\u00a0"
"""Keeps a number and its unit on one line of a narrow column."""


class Table(NamedTuple):
    """Text in columns, and where its numbers are from."""

    columns: list[str]
    rows: list[list[str]]
    sources: list[str]
    """How each file was made: command, hardware, date."""

    @property
    def lines(self) -> list[str]:
        """The table in Markdown."""
        rule = ["---"] * len(self.columns)
        return [f"| {' | '.join(row)} |" for row in (self.columns, rule, *self.rows)]

    def __str__(self) -> str:
        """The table in Markdown, what made it below."""
        made = "\n".join(["```{rst-class} made", "```", *self.sources])
        return "\n".join([*self.lines, "", made])


def read(folder: Path, name: str) -> dict[str, Any]:
    """The numbers of one file."""
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def _table(
    folder: Path, names: list[str], columns: list[str], rows: list[list[str]]
) -> Table:
    return Table(columns, rows, made_by(folder, names))


def made_by(folder: Path, names: list[str]) -> list[str]:
    """Command, hardware and date of each file, one line for those that differ."""
    lines = []
    for name in names:
        result = read(folder, name)
        commands = "; ".join(f"`{part}`" for part in result["command"].split("; "))
        lines.append(f"- {commands}; {result['hardware']}; {result['date']}")
    return list(dict.fromkeys(lines))


def potential(folder: Path) -> Table:
    """One evaluation, beside the nequix package."""
    r = read(folder, "benchmark_potential")
    rows = [
        [code, f"{r[f'{code}_s']:.2f} s", f"{r[f'{code}_peak_MB'] / 1000:.2f} GB"]
        for code in ("matjax", "nequix")
    ]
    columns = ["code", "median time", "peak memory"]
    return _table(folder, ["benchmark_potential"], columns, rows)


def neighbors(folder: Path) -> Table:
    """One update of a neighbor list, beside two host codes."""
    r = read(folder, "benchmark_neighbors")
    codes = ("matjax", "vesin", "matscipy")
    rows = [
        [
            f"{n:,}",
            *(f"{1000 * r[f'{code}_{n}_s']:.0f} ms" for code in codes),
            f"{r[f'matjax_{n}_buffers_MB']:.0f} MB",
        ]
        for n in (1728, 8000, 32000, 100000)
    ]
    columns = ["atoms", *codes, "matjax's buffers"]
    return _table(folder, ["benchmark_neighbors"], columns, rows)


def cost(folder: Path) -> Table:
    """For each crystal both routes within a tolerance, and a supercell to compare."""
    r = read(folder, "phonons_cost")
    names = [key.removesuffix("_exact_s") for key in r if key.endswith("_exact_s")]
    rows = []
    for name in names:
        peer = _supercell(r, name)
        rows.append(
            [
                name,
                f"{r[f'{name}_default_n_exact']} of {r[f'{name}_n_q']}",
                *(_route(r, name, route) for route in ("default", "tolerance")),
                f"{peer}³",
                _route(r, name, f"supercell_{peer}"),
            ]
        )
    columns = [
        *("crystal", "exact q", "path and mesh", "any q"),
        *("supercell", "phonopy in that supercell"),
    ]
    return _table(folder, ["phonons_cost"], columns, rows)


def _route(r: Mapping[str, Any], name: str, route: str) -> str:
    key = f"{name}_{route}"
    return (
        f"{r[f'{key}_s']:.1f}{SPACE}s, {r[f'{key}_peak_MB']:.0f}{SPACE}MB, "
        f"{r[f'{key}_error_THz']:.2g}{SPACE}THz"
    )


def _supercell(r: Mapping[str, Any], name: str) -> int:
    """The smallest one that is accurate enough, or else the largest."""
    sizes = [n for n in range(2, 20) if f"{name}_supercell_{n}_s" in r]
    errors = {n: r[f"{name}_supercell_{n}_error_THz"] for n in sizes}
    accurate = [n for n in sizes if errors[n] <= r["tolerance_THz"]]
    return accurate[0] if accurate else sizes[-1]


def many_crystals(folder: Path) -> Table:
    """Relaxation of many crystals, beside ASE with two calculators."""
    r = read(folder, "many_crystals")
    codes = {
        "matjax": "matjax",
        "ase_lbfgs_matjax": "ASE's L-BFGS, matjax's calculator",
        "ase_lbfgs_nequix": "ASE's L-BFGS, nequix's calculator",
    }
    rows = [
        [
            label,
            f"{r[f'{code}_seconds']:.0f} s",
            f"{r[f'{code}_relaxations_per_minute']:.0f}",
            f"{r[f'{code}_mean_steps']:.1f}",
            f"{r[f'{code}_converged']} of {r['n_crystals']}",
            f"{r[f'{code}_peak_MB'] / 1000:.2f} GB",
        ]
        for code, label in codes.items()
    ]
    columns = ["code", "time", "a minute", "mean steps", "at rest", "peak memory"]
    return _table(folder, ["many_crystals"], columns, rows)


def heat_capacity(folder: Path) -> Table:
    """Heat capacities of many crystals against DFT."""
    r = read(folder, "matcalc_cv")
    rows = [
        [
            name,
            f"{r[f'{key}_n_crystals']}",
            f"{r[f'{key}_n_failed']}",
            f"{r[f'{key}_cv_mae_J_per_mol_K']:.2f} J/(mol K)",
            f"{r[f'{key}_cv_median_ae_J_per_mol_K']:.2f} J/(mol K)",
        ]
        for name in ("nequix-oam-1-pft", "nequix-mp-1-pft")
        for key in [name.replace("-", "_")]
    ]
    columns = ["potential", "crystals", "failed", "mean error", "median error"]
    return _table(folder, ["matcalc_cv"], columns, rows)


def moduli(folder: Path) -> Table:
    """Elastic moduli of many crystals against DFT."""
    r = read(folder, "matcalc_elastic")
    key = "nequix_oam_1_pft"
    row = [
        "nequix-oam-1-pft",
        f"{r[f'{key}_n_crystals']}",
        f"{r[f'{key}_n_failed']}",
        f"{r[f'{key}_k_mae_GPa']:.1f} GPa",
        f"{r[f'{key}_g_mae_GPa']:.1f} GPa",
    ]
    columns = ["potential", "crystals", "failed", "bulk modulus", "shear modulus"]
    return _table(folder, ["matcalc_elastic"], columns, [row])


def trained(folder: Path) -> Table:
    """Both potentials of each element, as far as they are trained."""
    kinds = {"": "MACE from scratch", "_finetuned": "nequix-oam-1-pft fine-tuned"}
    rows, names = [], []
    for element in ("Si", "Ge", "Mo", "Ni"):
        for kind, label in kinds.items():
            name = f"potential_{element.lower()}{kind}"
            if not (folder / f"{name}.json").is_file():
                continue
            r = read(folder, name)
            names.append(name)
            rows.append(
                [
                    *(element, label),
                    f"{r['test_energy_mae_meV_per_atom']:.2f} meV/atom",
                    f"{r['test_force_mae_meV_per_A']:.0f} meV/Å",
                    f"{r['train_minutes']:.0f} min",
                ]
            )
    columns = ["element", "potential", "energy", "forces", "training"]
    return _table(folder, names, columns, rows)


def finetuned(folder: Path) -> Table:
    """A potential before and after it learned another one's phonons."""
    names = {
        "largest frequency": ("max_frequency_mae_THz", "THz", 2),
        "mean frequency": ("mean_frequency_mae_THz", "THz", 2),
        "forces": ("force_mae_meV_per_A", "meV/Å", 1),
        "energy": ("energy_mae_meV_per_atom", "meV/atom", 1),
        "energy above rest": ("relative_energy_mae_meV_per_atom", "meV/atom", 1),
    }
    return _before_and_after(folder, "finetune_phonons", "the teacher", names)


def dft(folder: Path) -> Table:
    """A potential before and after it learned the force constants of DFT."""
    names = {
        "largest frequency": ("max_frequency_mae_THz", "THz", 3),
        "mean frequency": ("mean_frequency_mae_THz", "THz", 3),
        "heat capacity at 300 K": ("heat_capacity_mae_J_per_mol_K", "J/(mol K)", 3),
        "columns at other q": ("column_mae_meV_per_A2", "meV/Å²", 1),
    }
    return _before_and_after(folder, "dft_phonons", "DFT", names)


def _before_and_after(
    folder: Path, name: str, against: str, keys: dict[str, tuple[str, str, int]]
) -> Table:
    r = read(folder, name)
    rows = [
        [
            label,
            *(f"{r[f'{time}_{key}']:.{digits}f} {unit}" for time in TIMES),
        ]
        for label, (key, unit, digits) in keys.items()
    ]
    return _table(folder, [name], [f"error against {against}", *TIMES], rows)


TIMES = ("before", "after")


def throughput(folder: Path) -> Table:
    """Training steps, beside the codes of the networks' authors."""
    rows, names = [], []
    for name, network, peer in (
        ("benchmark_training", "NequIP", "nequix"),
        ("benchmark_training_cgcnn", "CGCNN", "cgcnn"),
    ):
        r = read(folder, name)
        names.append(name)
        for code in ("matjax", peer):
            rate = r[f"{code}_structures_per_s"]
            rows.append(
                [
                    *(network, code),
                    f"{rate:{'.2f' if rate < 100 else ',.0f'}}",
                    f"{r[f'{code}_peak_MB'] / 1000:.2f} GB",
                ]
            )
    columns = ["network", "code", "structures/s", "peak memory"]
    return _table(folder, names, columns, rows)


def perovskites(folder: Path) -> Table:
    """A property network beside simple predictors."""
    r = read(folder, "perov_5")
    predictors = {
        "CGCNN": "",
        "gradient boosting on the composition": "_of_boosting",
        "mean of the training data": "_of_mean",
    }
    rows = [
        [name, f"{r[f'test_heat_all_mae_eV{suffix}']:.3f} eV"]
        for name, suffix in predictors.items()
    ]
    columns = ["predictor", "mean absolute error"]
    return _table(folder, ["perov_5"], columns, rows)


def summary(folder: Path) -> Table:
    """The short table of the README: what matjax does, and what it stands beside."""
    evaluation, lists = read(folder, "benchmark_potential"), _lists(folder)
    crystals, tuned = read(folder, "phonons_cost"), read(folder, "finetune_phonons")
    dft_tuned, capacity = read(folder, "dft_phonons"), read(folder, "matcalc_cv")
    perov, key = read(folder, "perov_5"), "nequix_oam_1_pft"
    peer = _supercell(crystals, "TiO2")
    rows = [
        [
            "energy, forces, stress of 128 Si atoms",
            _evaluated(evaluation, "matjax"),
            f"nequix package: {_evaluated(evaluation, 'nequix')}",
        ],
        ["neighbor list of 100,000 atoms", lists["matjax"], f"vesin: {lists['vesin']}"],
        [
            "phonons of TiO2 (time, memory, largest error)",
            _route(crystals, "TiO2", "default"),
            f"phonopy, {peer}³ cells: {_route(crystals, 'TiO2', f'supercell_{peer}')}",
        ],
        [
            "one column of force constants",
            _column(tuned, "primitive"),
            f"supercell of {tuned['cost_supercell_atoms']:.0f} atoms: "
            f"{_column(tuned, 'supercell')}",
        ],
        [
            "NaCl and MgO after fine-tuning on DFT, largest frequency",
            f"error {dft_tuned['after_max_frequency_mae_THz']:.3f} THz",
            f"before: {dft_tuned['before_max_frequency_mae_THz']:.3f} THz",
        ],
        [
            f"heat capacity of {capacity[f'{key}_n_crystals']} binaries at 300 K, "
            "nequix-oam-1-pft",
            f"error {capacity[f'{key}_cv_mae_J_per_mol_K']:.2f} J/(mol K)",
            "DFT",
        ],
        [
            "heat of formation of perovskites, CGCNN",
            f"error {perov['test_heat_all_mae_eV']:.3f} eV",
            f"boosting: {perov['test_heat_all_mae_eV_of_boosting']:.3f} eV",
        ],
    ]
    return _table(folder, [], ["what", "matjax", "beside it"], rows)


def _evaluated(r: Mapping[str, Any], code: str) -> str:
    return f"{r[f'{code}_s']:.2f} s, {r[f'{code}_peak_MB'] / 1000:.2f} GB"


def _lists(folder: Path) -> dict[str, str]:
    r = read(folder, "benchmark_neighbors")
    return {
        code: f"{1000 * r[f'{code}_100000_s']:.0f} ms" for code in ("matjax", "vesin")
    }


def _column(r: Mapping[str, Any], cell: str) -> str:
    seconds, memory = r[f"column_time_{cell}_s"], r[f"column_memory_{cell}_MB"]
    return f"{1000 * seconds:.0f} ms, {memory:.0f} MB"


TABLES: dict[str, Callable[[Path], Table]] = {
    table.__name__: table
    for table in (
        *(potential, neighbors, cost, many_crystals, heat_capacity, moduli, trained),
        *(finetuned, dft, throughput, perovskites, summary),
    )
}
"""Every table by the name that pages use."""
