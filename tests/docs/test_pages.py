"""What the pages of the site say can be done: code runs, commands name what exists."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import ase.build
import jax
import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [*DOCS.glob("*.md"), *(DOCS / "guides").glob("*.md"), ROOT / "README.md"]
)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
RUN = re.compile(r"matjax run ([a-z_]+(?:/[a-z_0-9]+)?)(?=[\s`)]|\.\s|$)")
IMPORT = re.compile(r"^from (matjax[\w.]*) import ([\w, ]+)$", re.MULTILINE)


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


RUNNABLE = [p for p in PAGES if p.name != "README.md" and PYTHON.search(p.read_text())]


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE, ids=named)
def test_python_of_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    """Blocks follow on one another, in a folder that holds a POSCAR of silicon."""
    monkeypatch.chdir(tmp_path)
    atoms = ase.build.bulk("Si", a=5.45, cubic=True)
    atoms.rattle(0.01, seed=0)
    atoms.write("POSCAR", format="vasp")
    code = "\n".join(PYTHON.findall(page.read_text(encoding="utf-8")))
    with jax.numpy_dtype_promotion("standard"):  # as in a user's own script
        exec(compile(code, named(page), "exec"), {"__name__": "page"})


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_studies_of_a_page_exist(page):
    for name in RUN.findall(page.read_text(encoding="utf-8")):
        is_config = (ROOT / "configs" / f"{name}.yaml").is_file()
        is_study = (ROOT / "experiments" / f"{name}.py").is_file()
        assert is_config or is_study, name


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_imports_of_a_page_exist(page):
    """Those of blocks that are not run as well."""
    for module, names in IMPORT.findall(page.read_text(encoding="utf-8")):
        for name in names.split(","):
            assert hasattr(import_module(module), name.strip()), f"{module}: {name}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_of_a_page_are_shell(page):
    """Quotes are closed, and no key stands apart from its value."""
    for block in SHELL.findall(page.read_text(encoding="utf-8")):
        words = shlex.split(block.replace("\\\n", " "), comments=True)
        assert "=" not in words
