"""Sizes, circles and names: what keeps the house one that can be lived in."""

from __future__ import annotations

import ast
import importlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.test_layers import FILES, PACKAGE

TESTS = Path(__file__).parent
EXPERIMENTS = TESTS.parent / "experiments"
MODULES = [p for p in FILES if not p.stem.startswith("__")]

LONGEST_FILE = 400
LONGEST_FUNCTION = 70
LONGEST_EXPERIMENT = 200
LARGEST_FOLDER = 0.2


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def imports(body: ast.AST) -> Iterator[ast.ImportFrom | ast.Import]:
    """Imports that run, those in functions too; not those for type checking alone."""
    for node in ast.iter_child_nodes(body):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom | ast.Import):
            yield node
        yield from imports(node)


def exports() -> dict[tuple[str, str], str]:
    """Module that each name of a folder comes from."""
    return {
        (dotted(path), alias.asname or alias.name): str(node.module)
        for path in FILES
        if path.name == "__init__.py"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def imported_modules() -> dict[str, set[str]]:
    """What each module imports, names followed to the modules that define them."""
    origin = exports()
    modules = {dotted(path) for path in MODULES}
    found: dict[str, set[str]] = {}
    for path in MODULES:
        found[dotted(path)] = set()
        for node in imports(tree(path)):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                names = [
                    f"{node.module}.{alias.name}"
                    if f"{node.module}.{alias.name}" in modules
                    else origin.get((str(node.module), alias.name), str(node.module))
                    for alias in node.names
                ]
            found[dotted(path)] |= modules.intersection(names)
    return found


def test_no_file_is_too_long():
    long = {p.name: lines(p) for p in FILES if lines(p) > LONGEST_FILE}
    assert long == {}


def test_no_function_is_too_long():
    long = {}
    for path in [*FILES, *EXPERIMENTS.glob("*.py")]:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = node.end_lineno - node.lineno + 1
                if size > LONGEST_FUNCTION:
                    long[f"{path.name}:{node.name}"] = size
    assert long == {}


def test_experiments_are_short():
    found = {p.name: lines(p) for p in EXPERIMENTS.glob("*.py")}
    assert {n: size for n, size in found.items() if size > LONGEST_EXPERIMENT} == {}


def test_no_folder_holds_too_much():
    sizes: Counter[str] = Counter()
    for path in FILES:
        sizes[path.parent.relative_to(PACKAGE).as_posix()] += lines(path)
    total = sum(sizes.values())
    assert {n: s / total for n, s in sizes.items() if s / total > LARGEST_FOLDER} == {}


def test_no_circle_between_files():
    left = imported_modules()
    while free := [m for m, needs in left.items() if not needs & left.keys()]:
        for module in free:
            del left[module]
    assert left == {}


def test_no_function_has_the_name_of_a_module_beside_it():
    shadowed = []
    for path in FILES:
        if path.name != "__init__.py":
            continue
        beside = {p.stem for p in path.parent.glob("*.py")}
        beside |= {p.parent.name for p in path.parent.glob("*/__init__.py")}
        names = {name for (folder, name) in exports() if folder == dotted(path)}
        shadowed += [f"{dotted(path)}.{name}" for name in names & beside]
    assert shadowed == []


def test_every_module_is_reached_by_its_dotted_name():
    for path in MODULES:
        parent, _, name = dotted(path).rpartition(".")
        module = importlib.import_module(dotted(path))
        assert getattr(importlib.import_module(parent), name) is module


def test_every_module_has_its_test_file():
    missing = []
    for path in MODULES:
        place = path.relative_to(PACKAGE)
        if not (TESTS / place.parent / f"test_{place.name}").is_file():
            missing.append(place.as_posix())
    assert missing == []


def test_every_folder_lists_its_files():
    unlisted = []
    for path in FILES:
        # Models are listed by their registry.
        if path.name != "__init__.py" or path.parent.parent.name == "models":
            continue
        if path.parent == PACKAGE:
            continue
        words = set((ast.get_docstring(tree(path)) or "").replace(",", " ").split())
        files = {p.stem for p in path.parent.glob("*.py")} - {"__init__"}
        unlisted += [f"{dotted(path)}: {name}" for name in sorted(files - words)]
    assert unlisted == []
