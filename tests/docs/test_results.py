"""The README and the page of results say what the results say."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "experiments" / "results"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")


def extension(name: str) -> ModuleType:
    """A module of the folder from which the site is built."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/_ext/{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where the others of that folder look for it
    spec.loader.exec_module(module)
    return module


tables = extension("result_tables")


def rows_of(text: str) -> list[list[str]]:
    """Cells of the lines of a table in Markdown, its rule left out."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    return [row for row in rows if set("".join(row)) != {"-"}]


def test_short_table_of_the_readme_is_made_from_the_results():
    section = README.split("## Measured")[1].split("\n## ")[0]
    table = tables.summary(RESULTS)
    expected = rows_of("\n".join(table.lines).replace(tables.SPACE, " "))
    assert rows_of(section) == expected, "\n".join(table.lines)


@pytest.mark.parametrize("name", tables.TABLES)
def test_tables_are_rectangular_and_filled(name):
    table = tables.TABLES[name](RESULTS)
    assert table.rows
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert all(cell for row in table.rows for cell in row)


def test_page_holds_every_table_but_that_of_the_readme():
    shown = set(re.findall(r"\{\{ table (\w+) \}\}", PAGE))
    assert shown == set(tables.TABLES) - {"summary"}


def test_every_result_is_shown():
    shown = {name for name in re.findall(r"\{\{ (\w+)\.", PAGE)}
    made = {
        command
        for name in tables.TABLES
        for command in tables.TABLES[name](RESULTS).sources
    }
    for path in RESULTS.glob("*.json"):
        lines = tables.made_by(RESULTS, [path.stem])
        is_told = path.stem == "potential_si_phonons"  # in words: it is a default
        assert path.stem in shown or set(lines) <= made or is_told, path.stem


def test_results_say_how_they_were_made():
    for path in RESULTS.glob("*.json"):
        assert {"command", "hardware", "date"} <= json.loads(path.read_text()).keys()


def test_numbers_of_a_page_are_filled_in(tmp_path):
    pytest.importorskip("sphinx", reason="the docs extra is not installed")
    results = extension("results")
    (tmp_path / "a.json").write_text('{"x_MB": 1500.0, "y": 4, "name": "Si"}')
    text = "{{ a.x_MB / 1000 : .1f }} GB, {{ a.y * 100 / a.x_MB : .2f }}, {{ a.name }}"
    assert results.rendered(text, tmp_path) == "1.5 GB, 0.27, Si"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ a.x_GB }}", "no 'x_GB' in a.json; there is x_MB"),
        ("{{ b.x }}", "no results b.json"),
        ("{{ table potentials }}", "no 'potentials' in tables; there is potential"),
    ],
)
def test_unknown_numbers_end_the_build(tmp_path, text, message):
    pytest.importorskip("sphinx", reason="the docs extra is not installed")
    from sphinx.errors import ExtensionError

    results = extension("results")
    (tmp_path / "a.json").write_text('{"x_MB": 1500.0}')
    with pytest.raises(ExtensionError, match=re.escape(message)):
        results.rendered(text, tmp_path)
