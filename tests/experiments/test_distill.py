"""One potential learns phonons from another: what it finds, keeps and says."""

import json
import os
import subprocess
import sys

import ase.build
import ase.io
import numpy as np
import pytest
import yaml
from matjax.survey import (
    Cotraining,
    Labels,
    Pool,
    composition,
    crystal_item,
    draw,
    draw_cotraining,
    item_crystal,
    label_crystals,
)
from matjax.survey.substitution import substituted
from numpy.testing import assert_allclose

from matjax.config import build_config
from matjax.crystals import Crystal, space_group
from matjax.elements import atomic_number
from matjax.lattice_dynamics import phonons
from matjax.lattice_dynamics.phonopy import write_phonopy
from matjax.models.potentials import LennardJones
from matjax.predictors import Potential
from matjax.studies import Run, catalog
from matjax.weights import load_potential, save_potential

NOBLE = {"Ne": 10, "Ar": 18, "Kr": 36, "Xe": 54}
TRUTH = {"epsilon": 0.012, "sigma": 3.3}


def run(folder, settings, *, resume=False):
    experiment = catalog.load_experiment(catalog.experiments()["distill"])
    config = build_config(experiment.Config, settings, [])
    output = Run(folder, resume=resume)
    output.save_config("distill", config)
    return output.save_metrics(experiment.main(config, output))


def pair_potential(path, **kwargs):
    """Atoms that differ in nothing but their masses."""
    model = LennardJones(species=tuple(NOBLE.values()), onset=5.0, cutoff=6.0, **kwargs)
    return str(save_potential(Potential.create(model).astype("float64"), path))


@pytest.fixture
def crystals(tmp_path):
    """Face-centered cubic crystals of each element, cubic and primitive."""
    frames = []
    for k, symbol in enumerate([*NOBLE, "Ar"]):
        atoms = ase.build.bulk(symbol, "fcc", a=5.3 + 0.05 * k, cubic=k % 2 == 0)
        atoms.info["material_id"] = f"crystal-{k}"
        frames.append(atoms)
    path = tmp_path / "crystals.extxyz"
    ase.io.write(path, frames)
    return str(path)


def on_pool(crystals, folder, **more):
    """Settings: two of these crystals are trained on, one is held out, one judged."""
    return {
        "teacher": pair_potential(folder / "teacher.safetensors", **TRUTH),
        "pretrained": pair_potential(folder / "student.safetensors"),
        "pool": {
            **{"data": crystals, "max_neighbors": 100},
            **{"train": 2, "held_out": 1, "test": 1},
        },
        "labels": {"n_columns": 6, "precision": "float64", "mesh_length": 6.0},
        "batch_size": 2,
        **more,
    }


@pytest.mark.slow
def test_a_potential_finds_another_one_by_its_phonons(crystals, tmp_path):
    more = {
        "losses": {"columns": {"weight": 10.0, "kind": "mse"}},
        "fit": {
            "epochs": 100,
            "validate_every": 50,
            "average_decay": 0.0,
            "optimizer": {"name": "adam", "learning_rate": 0.02, "warmup": 0.0},
        },
        "cost_atoms": 8,
    }
    metrics = run(tmp_path / "run", on_pool(crystals, tmp_path, **more))
    found = load_potential(tmp_path / "run" / "potential.safetensors").params
    # What Adam leaves at the end of its schedule.
    assert_allclose([found[k] for k in TRUTH], list(TRUTH.values()), rtol=3e-3)
    for key in ("max_frequency_mae_THz", "column_mae_meV_per_A2"):
        assert metrics[f"after_{key}"] < 0.05 * metrics[f"before_{key}"]
    assert metrics["before_max_frequency_bias_THz"] != 0
    assert metrics["n_left_out"] == 0
    assert metrics["column_memory_ratio"] > 1
    assert metrics["cost_supercell_atoms"] == 8
    for name in ("learning.png", "phonons.png"):
        assert (tmp_path / "run" / name).stat().st_size > 5000


@pytest.mark.slow
def test_two_devices_train_as_one_does(crystals, tmp_path):
    # Three copies are held out: one batch of two devices has a part that is empty.
    short = {"epochs": 3, "optimizer": {"learning_rate": 0.02}}
    other = ase.build.bulk("NeXe", "cesiumchloride", a=4.1)
    other.info["material_id"] = "other"
    ase.io.write(tmp_path / "others.extxyz", [other, *ase.io.read(crystals, ":")])
    beside = {"data": [str(tmp_path / "others.extxyz")], "max_neighbors": 100}
    settings = on_pool(crystals, tmp_path, fit=short, cotraining=beside)
    alone = run(tmp_path / "one", settings)
    assert alone["n_beside_copies"] == 3  # the other compositions are the pool's
    path = tmp_path / "argon.yaml"
    path.write_text(yaml.safe_dump({"experiment": "distill", **settings}))
    words = ["matjax", "run", str(path), "--out", str(tmp_path / "two")]
    subprocess.run(
        [sys.executable, "-m", *words],
        env={
            **os.environ,
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        },
        check=True,
        capture_output=True,
        timeout=300,
    )
    together = json.loads((tmp_path / "two" / "metrics.json").read_text())
    for key in alone.keys() - {"train_minutes", "structures_per_s"}:
        # Sums in another order, which Adam magnifies; forces vanish by symmetry.
        assert_allclose(together[key], alone[key], rtol=1e-6, atol=1e-12, err_msg=key)


@pytest.mark.slow
def test_a_result_may_be_a_mean_of_trainings_and_of_the_pretrained_one(
    crystals, tmp_path
):
    settings = on_pool(crystals, tmp_path, fit={"epochs": 1})
    run(tmp_path / "run", settings)
    path = tmp_path / "run" / "potential.safetensors"
    start = load_potential(settings["pretrained"]).params
    end = load_potential(path).params
    run(tmp_path / "run", {**settings, "interpolation": 0.25}, resume=True)
    for key, value in load_potential(path).params.items():
        assert start[key] != end[key]
        expected = 0.75 * start[key] + 0.25 * end[key]
        assert_allclose(value, expected, rtol=1e-12)  # round-off
    members = [{}, {"seed": 1, "losses": {"columns": {"weight": 9.0}}}]
    several = {**settings, "members": members}
    assert run(tmp_path / "several", several)["n_members"] == 2
    folders = (tmp_path / "several" / name for name in ("member_1", "member_2", ""))
    first, second, mean = (
        load_potential(folder / "potential.safetensors").params for folder in folders
    )
    assert first == end
    for key, value in mean.items():
        assert first[key] != second[key]
        assert_allclose(value, (first[key] + second[key]) / 2, rtol=1e-12)  # round-off
    with pytest.raises(ValueError, match="begins at a pretrained potential"):
        run(tmp_path / "other", {**settings, "interpolation": 0.5, "pretrained": None})
    with pytest.raises(ValueError, match="same pretrained potential"):
        run(tmp_path / "other", {**several, "pretrained": None})
    with pytest.raises(ValueError, match="two have equal settings"):
        run(tmp_path / "other", {**settings, "members": [{}, {}]})


@pytest.mark.slow
def test_a_potential_learns_the_force_constants_of_phonopys_files(tmp_path):
    teacher = load_potential(pair_potential(tmp_path / "teacher.safetensors", **TRUTH))
    crystal = Crystal.from_ase(ase.build.bulk("Ar", "fcc", a=5.3))
    # Opposite faces are 12.2 Å apart: no interaction is folded onto another one.
    write_phonopy(tmp_path / "argon", phonons(teacher, crystal), [4, 4, 4])
    settings = {
        "pretrained": pair_potential(tmp_path / "student.safetensors"),
        "phonopy": {"argon": str(tmp_path / "argon")},
        "labels": {"n_columns": 6, "precision": "float64"},
        "losses": {"columns": {"weight": 10.0, "kind": "mse"}},
        "batch_size": 1,
        "fit": {
            "epochs": 30,
            "validate_every": 15,
            "average_decay": 0.0,
            "optimizer": {"name": "adam", "learning_rate": 0.01, "warmup": 0.0},
        },
    }
    metrics = run(tmp_path / "run", settings)
    for key in ("max_frequency_mae_THz", "column_mae_meV_per_A2"):
        assert metrics[f"after_{key}"] < 0.02 * metrics[f"before_{key}"]
    assert not any("energy" in key for key in metrics)
    # 64 q, three columns of each.
    copies = [metrics[f"n_{part}_copies"] for part in ("train", "held_out", "test")]
    assert copies == [21, 3, 8]
    with pytest.raises(ValueError, match="needs a pretrained potential"):
        run(tmp_path / "other", {**settings, "pretrained": None})
    with pytest.raises(ValueError, match="leave them out"):
        run(tmp_path / "other", {**settings, "cost_atoms": 8})
    with pytest.raises(ValueError, match="cotraining goes with the pool"):
        run(tmp_path / "other", {**settings, "cotraining": {}})
    with pytest.raises(ValueError, match="accumulate is batch_size"):
        run(tmp_path / "other", {**settings, "fit": {"accumulate": 2}})


def test_crystals_whose_atoms_fuse_have_no_labels(tmp_path):
    teacher = pair_potential(tmp_path / "teacher.safetensors", epsilon=0.1, sigma=1.0)
    crystal = Crystal.from_ase(ase.build.bulk("Ar", "fcc", a=1.6))
    labels = Labels(rattles=0, n_columns=3, precision="float64")
    records = tmp_path / "labels.jsonl"
    found = label_crystals(teacher, {"dense": crystal_item(crystal)}, records, labels)
    assert "atoms must not fuse" in found["dense"]["error"]["message"]


def test_no_composition_is_in_two_parts(crystals):
    pool = Pool(data=crystals, train=2, held_out=1, test=1, max_neighbors=100)
    drawn = draw(pool, list(NOBLE.values()), 6.0, seed=0)
    parts = {}
    for key, item in drawn.items.items():
        crystal = item_crystal(item)
        assert crystal.n_atoms == 1
        parts.setdefault(composition(crystal), set()).add(drawn.parts[key])
    assert all(len(found) == 1 for found in parts.values())
    others = draw(pool, list(NOBLE.values()), 6.0, seed=1)
    assert others.parts != drawn.parts
    same = Cotraining(data=(crystals,), max_neighbors=100)
    with pytest.raises(ValueError, match=r"of other compositions than .* have none"):
        draw_cotraining(same, pool, list(NOBLE.values()), 6.0, seed=0)


@pytest.fixture
def written(tmp_path):
    """Writes a file of binaries with the structure of rock salt."""

    def write(name, symbols):
        frames = []
        for k, pair in enumerate(symbols):
            atoms = ase.build.bulk(pair, "rocksalt", a=5.0 + 0.3 * k)
            atoms.info["material_id"] = f"{name}-{k}"
            frames.append(atoms)
        path = tmp_path / f"{name}.extxyz"
        ase.io.write(path, frames)
        return str(path)

    return write


def test_further_crystals_are_of_other_compositions(written):
    pool = Pool(
        data=written("salts", ["NaCl", "KBr", "MgO"]),
        train=1,
        held_out=1,
        test=1,
        max_neighbors=100,
        further_data=written("others", ["NaCl", "NaBr", "AgCl", "CaO", "KCl"]),
        further_elements=("Cl", "Br"),
    )
    known = draw(pool, range(1, 90), 6.0, seed=0)
    drawn = draw(pool.model_copy(update={"further": 3}), range(1, 90), 6.0, seed=0)
    assert {key: drawn.parts[key] for key in known.parts} == known.parts
    further = drawn.items.keys() - known.items.keys()
    assert {drawn.parts[key] for key in further} == {"train"}
    found = {composition(item_crystal(drawn.items[key])) for key in further}
    assert found == {"BrNa", "AgCl", "ClK"}
    both = draw(
        pool.model_copy(update={"further": 3, "substituted": 5}),
        range(1, 90),
        6.0,
        seed=0,
    )
    assert {key: both.items[key] for key in drawn.items} == drawn.items
    made = both.items.keys() - drawn.items.keys()
    (parent,) = (key for key, part in known.parts.items() if part == "train")
    assert {key.split(":")[0] for key in made} == {parent}
    names = {composition(item_crystal(both.items[key])) for key in made}
    assert not names & {"ClNa", "BrK", "MgO"}
    assert {both.parts[key] for key in made} == {"train"}
    with pytest.raises(ValueError, match="4; it has 3 of other compositions than"):
        draw(pool.model_copy(update={"further": 4}), range(1, 90), 6.0, seed=0)


def test_crystals_beside_are_of_other_compositions(written):
    elements = ("H", "F", "Cl", "Br", "Li", "Na", "K", "O", "Mg", "Ca")
    species = [atomic_number(x) for x in elements]
    data = (written("others", ["NaCl", "NaBr"]), written("oxides", ["CaO", "MgO"]))
    pool = Pool(data=written("salts", ["NaCl", "KBr", "MgO"]), max_neighbors=100)
    cotraining = Cotraining(data=data, max_neighbors=100)
    beside = draw_cotraining(cotraining, pool, species, 6.0, seed=0)
    assert beside.keys() == {"0/others-1", "1/oxides-0"}
    more = cotraining.model_copy(update={"substituted": 6})
    found = draw_cotraining(more, pool, species, 6.0, seed=0)
    assert {key: found[key] for key in beside} == beside
    made = found.keys() - beside.keys()
    assert {key.split(":")[0] for key in made} == {"0/others-1"}
    names = {composition(item_crystal(found[key])) for key in made}
    assert len(names) == 6
    assert not names & {"BrNa", "CaO", "ClNa", "BrK", "MgO"}


def test_elements_of_the_same_groups_make_crystals_that_no_file_has():
    species = [atomic_number(x) for x in ("H", "F", "Cl", "Br", "Na", "K", "Xe", "Cu")]
    salt = Crystal.from_ase(ase.build.bulk("NaCl", "rocksalt", a=5.64))
    same = Crystal.from_ase(ase.build.bulk("KCl", "rocksalt", a=6.29))
    parents = {"salt": crystal_item(salt), "same": crystal_item(same)}
    settings = (parents, species, {"ClK", "ClNa"})
    found = substituted(*settings, lambda _: True, count=6, seed=0)
    made = {composition(c): c for c in map(item_crystal, found.values())}
    assert set(made) == {"HNa", "FNa", "BrNa", "HK", "FK", "BrK"}
    # Measured at room temperature. Bond lengths that know nothing of charges and
    # coordination do not say it more exactly.
    for name, a in {"HNa": 4.88, "HK": 5.70, "FNa": 4.62, "BrK": 6.60}.items():
        assert space_group(made[name]).symbol == "Fm-3m"
        assert_allclose(np.linalg.norm(made[name].cell, axis=1) * 2**0.5, a, rtol=0.1)
    wide = substituted(*settings, lambda c: c.volume > 40, count=1, seed=0)
    assert all(item_crystal(item).volume > 40 for item in wide.values())
    with pytest.raises(ValueError, match=r"wanted, 7; .* there are 6"):
        substituted(*settings, lambda _: True, count=7, seed=0)
    gas = {"gas": crystal_item(Crystal.from_ase(ase.build.bulk("Xe", "fcc", a=6.2)))}
    with pytest.raises(ValueError, match="there are 0"):
        substituted(gas, [10, 18, 54], {}, lambda _: True, count=1, seed=0)


def test_a_pool_that_is_too_small_is_refused(crystals):
    pool = Pool(data=crystals, train=3, held_out=1, test=1, max_neighbors=100)
    with pytest.raises(ValueError, match=r"at most 1 .*|it has [0-4]"):
        draw(pool, [10, 18], 6.0, seed=0)


@pytest.mark.slow
def test_a_new_network_is_made_for_a_crystal_and_goes_on_where_it_stopped(tmp_path):
    settings = {
        "teacher": "stillinger-weber-si",
        "crystals": {"si": {"prototype": "diamond", "symbols": "Si", "a": 5.5}},
        "model": {
            "name": "nequip",
            "hidden": "8x0e",
            "lmax": 0,
            "layers": 1,
            "basis": 3,
            "radial_widths": [8],
            "cutoff": 4.0,
        },
        "labels": {"rattles": 7, "n_columns": 6, "mesh_length": 4.0},
        "batch_size": 2,
        "columns": 2,
        "fit": {
            "epochs": 4,
            "average_decay": 0.0,
            "optimizer": {"learning_rate": 0.02},
        },
    }
    metrics = run(tmp_path / "run", settings)
    assert not any(key.startswith("before") for key in metrics)
    copies = [metrics[f"n_{part}_copies"] for part in ("train", "held_out", "test")]
    assert copies == [5, 1, 2]
    lines = (tmp_path / "run" / "labels.jsonl").read_text().splitlines()
    rest = json.loads(lines[1])["values"]
    # Silicon in this potential (Stillinger and Weber, Phys. Rev. B 31, 5262 (1985)).
    assert_allclose(np.linalg.norm(rest["cell"], axis=1) * 2**0.5, 5.431, atol=2e-3)
    again = run(tmp_path / "run", settings, resume=True)
    key = "after_max_frequency_mae_THz"
    assert_allclose(again[key], metrics[key], rtol=1e-5)  # float32
