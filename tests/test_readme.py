"""The README says what the results say."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def result_file(name: str) -> Path:
    return ROOT / "experiments" / "results" / f"{name}.json"


def results(name: str) -> dict:
    return json.loads(result_file(name).read_text(encoding="utf-8"))


def potential_rows() -> list[str]:
    r = results("benchmark_potential")
    return [
        f"| {code} | {r[f'{code}_s']:.2f} s | {r[f'{code}_peak_MB'] / 1000:.2f} GB |"
        for code in ("matjax", "nequix")
    ]


def neighbor_rows() -> list[str]:
    r = results("benchmark_neighbors")
    return [
        f"| {n:,} | "
        + " | ".join(
            f"{1000 * r[f'{code}_{n}_s']:.0f} ms"
            for code in ("matjax", "vesin", "matscipy")
        )
        + f" | {r[f'matjax_{n}_buffers_MB']:.0f} MB |"
        for n in (1728, 8000, 32000, 100000)
    ]


def cost_rows() -> list[str]:
    """For each crystal both routes within a tolerance, and a supercell to compare."""
    r = results("phonons_cost")
    names = [k.removesuffix("_exact_s") for k in r if k.endswith("_exact_s")]
    rows = []
    for name in names:
        sizes = [n for n in range(2, 20) if f"{name}_supercell_{n}_s" in r]
        errors = {n: r[f"{name}_supercell_{n}_error_THz"] for n in sizes}
        accurate = [n for n in sizes if errors[n] <= r["tolerance_THz"]]
        peer = f"supercell_{accurate[0] if accurate else sizes[-1]}"
        routes = [
            f"{r[f'{name}_{route}_s']:.1f} s, {r[f'{name}_{route}_peak_MB']:.0f} MB, "
            f"{r[f'{name}_{route}_error_THz']:.2g} THz"
            for route in ("default", "tolerance", peer)
        ]
        exact = f"{r[f'{name}_default_n_exact']} of {r[f'{name}_n_q']}"
        rows.append(
            f"| {name} | {exact} | {routes[0]} | {routes[1]} | {peer[-1]}³ | "
            f"{routes[2]} |"
        )
    return rows


def heat_capacity_rows() -> list[str]:
    r = results("matcalc_cv")
    return [
        f"| {name} | {r[f'{key}_n_crystals']} | {r[f'{key}_n_failed']} | "
        f"{r[f'{key}_cv_mae_J_per_mol_K']:.2f} J/(mol K) | "
        f"{r[f'{key}_cv_median_ae_J_per_mol_K']:.2f} J/(mol K) |"
        for name in ("nequix-oam-1-pft", "nequix-mp-1-pft")
        for key in [name.replace("-", "_")]
    ]


def modulus_rows() -> list[str]:
    r = results("matcalc_elastic")
    key = "nequix_oam_1_pft"
    return [
        f"| nequix-oam-1-pft | {r[f'{key}_n_crystals']} | {r[f'{key}_n_failed']} | "
        f"{r[f'{key}_k_mae_GPa']:.1f} GPa | {r[f'{key}_g_mae_GPa']:.1f} GPa |"
    ]


def perovskite_rows() -> list[str]:
    r = results("perov_5")
    predictors = {
        "CGCNN": "",
        "gradient boosting on the composition": "_of_boosting",
        "mean of the training data": "_of_mean",
    }
    return [
        f"| {name} | {r[f'test_heat_all_mae_eV{suffix}']:.3f} eV |"
        for name, suffix in predictors.items()
    ]


def throughput_rows() -> list[str]:
    rows = []
    for name, network, peer in (
        ("benchmark_training", "NequIP", "nequix"),
        ("benchmark_training_cgcnn", "CGCNN", "cgcnn"),
    ):
        r = results(name)
        for code in ("matjax", peer):
            rate = r[f"{code}_structures_per_s"]
            rows.append(
                f"| {network} | {code} | {rate:{'.2f' if rate < 100 else ',.0f'}} | "
                f"{r[f'{code}_peak_MB'] / 1000:.2f} GB |"
            )
    return rows


def finetuned_rows() -> list[str]:
    names = {
        "largest frequency": ("max_frequency_mae_THz", "THz", 2),
        "mean frequency": ("mean_frequency_mae_THz", "THz", 2),
        "forces": ("force_mae_meV_per_A", "meV/Å", 1),
        "energy": ("energy_mae_meV_per_atom", "meV/atom", 1),
        "energy above rest": ("relative_energy_mae_meV_per_atom", "meV/atom", 1),
    }
    return before_and_after("finetune_phonons", names)


def dft_rows() -> list[str]:
    names = {
        "largest frequency": ("max_frequency_mae_THz", "THz", 3),
        "mean frequency": ("mean_frequency_mae_THz", "THz", 3),
        "heat capacity at 300 K": ("heat_capacity_mae_J_per_mol_K", "J/(mol K)", 3),
        "columns at other q": ("column_mae_meV_per_A2", "meV/Å²", 1),
    }
    return before_and_after("dft_phonons", names)


def before_and_after(name: str, rows: dict[str, tuple[str, str, int]]) -> list[str]:
    r = results(name)
    return [
        f"| {label} | {r[f'before_{key}']:.{digits}f} {unit} | "
        f"{r[f'after_{key}']:.{digits}f} {unit} |"
        for label, (key, unit, digits) in rows.items()
    ]


def trained_rows() -> list[str]:
    """Both potentials of each element, as far as they are trained."""
    kinds = {"": "MACE from scratch", "_finetuned": "nequix-oam-1-pft fine-tuned"}
    rows = []
    for element in ("Si", "Ge", "Mo", "Ni"):
        for kind, name in kinds.items():
            if not result_file(f"potential_{element.lower()}{kind}").is_file():
                continue
            r = results(f"potential_{element.lower()}{kind}")
            rows.append(
                f"| {element} | {name} | {r['test_energy_mae_meV_per_atom']:.2f} | "
                f"{r['test_force_mae_meV_per_A']:.0f} | {r['train_minutes']:.0f} min |"
            )
    return rows


@pytest.mark.parametrize(
    "rows",
    [
        *(potential_rows, neighbor_rows, cost_rows),
        *(heat_capacity_rows, modulus_rows, perovskite_rows, trained_rows),
        *(throughput_rows, finetuned_rows, dft_rows),
    ],
)
def test_tables_are_made_from_the_committed_results(rows):
    missing = [row for row in rows() if row not in README]
    assert not missing, "README lacks\n" + "\n".join(missing)


def test_results_say_how_they_were_made():
    for path in (ROOT / "experiments" / "results").glob("*.json"):
        assert {"command", "hardware", "date"} <= json.loads(path.read_text()).keys()


def test_first_code_block_holds_the_two_commands():
    block = README.split("```")[1]
    assert "pip install -e . && matjax run configs/phonons/silicon.yaml" in block
    assert "pip install -e '.[test]' && pytest" in block
