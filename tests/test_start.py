"""What a start loads: modules are counted, for seconds depend on the machine."""

import os
import subprocess
import sys
import textwrap

import pytest

import matjax as mj
import matjax.weights

HEAVY = {
    *("jax", "flax", "e3nn_jax", "jax_md", "optax", "orbax", "grain", "sympy"),
    *("ase.io", "scipy.spatial", "scipy.special", "spglib", "seekpath", "vesin"),
    *("matplotlib", "pydantic", "omegaconf", "tensorboardX", "phonopy", "pymatgen"),
}


def loaded_by(script: str) -> set[str]:
    """Heavy modules that a new process has loaded after a script."""
    script = f"{script}\nimport sys; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return HEAVY & set(result.stdout.splitlines()[-1].split())


def test_import_loads_nothing_heavy():
    assert loaded_by("import matjax, matjax.weights") == set()


@pytest.mark.parametrize("words", [["list"], ["--help"], ["run", "--nonsense"]])
def test_commands_that_compute_nothing_load_what_reads_configurations_at_most(words):
    script = f"""
        from matjax.cli import main
        try:
            main({words})
        except SystemExit:
            pass
    """
    loaded = loaded_by(textwrap.dedent(script))
    assert loaded <= {"pydantic", "omegaconf"}


def test_phonons_load_nothing_of_dynamics_training_and_other_codes():
    script = """
        from matjax.studies import catalog
        catalog.load_experiment(catalog.experiments()["phonons"])
    """
    others = {
        "e3nn_jax",
        "sympy",
        "jax_md",
        "orbax",
        "grain",
        "tensorboardX",
        "phonopy",
        "pymatgen",
    }
    assert loaded_by(textwrap.dedent(script)) & (others | {"matplotlib"}) == set()


COUNT = """
    import sys
    from pathlib import Path
    import ase.build
    import matjax as mj
    from matjax.compilation import prepare

    traced = []
    energies = mj.Potential.node_energies
    mj.Potential.node_energies = lambda *args: traced.append(1) or energies(*args)
    prepare(float64=True, cache=Path(sys.argv[1]))
    potential = mj.load_potential("stillinger-weber-si")
    silicon = mj.Crystal.from_ase(ase.build.bulk("Si", a=5.5))
    before = len(traced)
    values = [
        potential(silicon).energy,
        mj.relax(potential, silicon).energy,
        mj.elastic(potential, silicon).bulk,
        mj.phonons(potential, silicon).frequencies([0.5, 0, 0.5])[-1],
    ]
    sys.stdout.write(f"{len(traced) - before} {list(map(float, values))}")
"""


@pytest.mark.slow
def test_a_second_start_traces_no_network(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "MATJAX_EXPORTED"}
    told = [
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(COUNT), str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        ).stdout.partition(" ")
        for _ in range(2)
    ]
    assert int(told[0][0]) >= 4
    assert int(told[1][0]) == 0
    assert told[0][2] == told[1][2]


def test_modules_are_attributes_of_the_package():
    assert mj.mechanics.relax is mj.relax
    assert {"crystals", "mechanics", "train"} <= set(dir(mj))


def test_modules_are_reached_by_their_dotted_names():
    import matjax.force_constants.refinement as refinement

    assert refinement is sys.modules["matjax.force_constants.refinement"]
