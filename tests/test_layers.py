"""The rules of the house, checked on the source: layers, one dE, quiet imports."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import matjax

PACKAGE = Path(matjax.__file__).parent
FILES = sorted(
    p for p in PACKAGE.rglob("*.py") if "_bundled" not in p.relative_to(PACKAGE).parts
)

LAYERS = [
    "arrays units elements numerics errors lazy progress files config source",
    "compilation",
    "crystals processes",
    "graphs",
    "nn",
    "descriptors",
    "models predictors",
    "weights mechanics force_constants data",
    "lattice_dynamics train search",
    "generate",
    "distillation characterisation testing screening",
    "reports",
    "studies",
    "cli __main__",
]
LAYER = {name: number for number, line in enumerate(LAYERS) for name in line.split()}

DIFFERENTIATIONS = {"grad", "value_and_grad", "vjp", "jacrev", "jacobian", "hessian"}
MAY_DIFFERENTIATE = {
    "predictors/potential.py": "the energy, and nothing else does",
    "predictors/contributions.py": "a property with respect to weights of atoms",
    "generate/latent_space.py": "a property with respect to a latent",
    "generate/steering.py": "an eigenvalue of force constants, not the energy",
    "train/step.py": "a loss with respect to parameters",
    "testing/potential.py": "a loss with respect to parameters",
    "testing/property.py": "likewise",
}

HIDDEN = {"senders", "receivers", "phases", "node_graph", "graph_sum"}

UNPICKLERS = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "torch"}


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def part(path: Path) -> str:
    """The folder of a file, or the file itself at the top of the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def imports(path: Path) -> Iterator[str]:
    """Dotted names that a file imports, in functions and for type checking too."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def attributes(path: Path) -> set[str]:
    return {n.attr for n in nodes(path) if isinstance(n, ast.Attribute)}


def test_every_file_has_a_layer():
    assert {part(path) for path in FILES} - {"__init__"} <= set(LAYER)


def test_imports_go_to_lower_layers_only():
    wrong = []
    for path in FILES:
        here = part(path)
        beside = path.parent == PACKAGE  # files of the top level know those of theirs
        for dotted in imports(path):
            there = dotted.split(".")[1] if dotted.startswith("matjax.") else here
            if here in (there, "__init__") or LAYER[there] < LAYER[here]:
                continue
            if not (beside and LAYER[there] == LAYER[here]):
                wrong.append(f"{name(path)} imports {dotted}")
    assert wrong == []


def test_models_reach_neighbors_through_the_graph_only():
    # gather, scatter, pool and others carry the rules of a response; indices do not.
    wrong = [
        name(path)
        for path in FILES
        if part(path) in ("nn", "models", "descriptors") and attributes(path) & HIDDEN
    ]
    assert wrong == []


def test_energy_is_differentiated_in_one_place():
    wrong = [
        name(path)
        for path in FILES
        if (attributes(path) | {i.rpartition(".")[2] for i in imports(path)})
        & DIFFERENTIATIONS
        and name(path) not in MAY_DIFFERENTIATE
    ]
    assert wrong == []


def test_nothing_is_unpickled():
    wrong = []
    for path in FILES:
        packages = {dotted.split(".")[0] for dotted in imports(path)}
        wrong += [f"{name(path)}: {p}" for p in packages & UNPICKLERS]
        for node in nodes(path):
            is_pickle = isinstance(node, ast.keyword) and node.arg == "allow_pickle"
            if is_pickle and ast.unparse(node.value) != "False":
                wrong.append(f"{name(path)}: allow_pickle")
    assert wrong == []


def test_nothing_is_printed_or_evaluated():
    wrong = [
        f"{name(path)}:{node.lineno}"
        for path in FILES
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("print", "eval", "exec")
    ]
    assert wrong == []


def test_flags_are_set_in_one_place():
    setters = ("config.update", "environ.setdefault")
    wrong = [
        f"{name(path)}:{node.lineno}"
        for path in FILES
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith(setters)
        and name(path) != "compilation/start.py"
    ]
    assert wrong == []


def test_matplotlib_is_used_by_reports_alone():
    wrong = [
        f"{name(path)} imports {dotted}"
        for path in FILES
        for dotted in imports(path)
        if dotted.startswith("matplotlib")
        and dotted != "matplotlib.figure.Figure"  # the type of what is passed on
        and part(path) != "reports"
    ]
    assert wrong == []


def test_import_touches_no_device_and_sets_no_flag():
    script = """
        import importlib, os, pkgutil
        import jax
        # Those packages may set flags when they are imported; ours may not.
        import ase, e3nn_jax, flax.linen, matplotlib
        from jax._src import xla_bridge

        def state():
            return dict(jax.config.values), dict(os.environ), os.listdir()

        before = state()
        import matjax
        for module in pkgutil.walk_packages(matjax.__path__, "matjax."):
            if not module.name.startswith("matjax._bundled"):
                importlib.import_module(module.name)
        for old, new in zip(before, state(), strict=True):
            assert old == new, (old, new)
        assert not xla_bridge.backends_are_initialized(), "a device was touched"
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_import_leaves_slow_packages_to_those_who_use_them():
    slow = ["jax_md", "matplotlib.pyplot", "pymatgen", "phonopy", "matjax.cli"]
    script = f"import sys, matjax; print([m for m in {slow} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
