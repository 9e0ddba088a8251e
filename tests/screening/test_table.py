"""Rows of a screen as lines of a table."""

import csv

from matjax.processes import Records
from matjax.screening import find_column
from matjax.screening.columns import all_columns
from matjax.screening.pipeline import Given, Screened
from matjax.screening.table import (
    Comparison,
    above_hull,
    formula,
    rows,
    write_table,
)


def test_formulas_have_metals_first():
    assert formula({"O": 2, "Ti": 1}) == "TiO2"
    assert formula({}) == ""


def test_every_screen_says_whether_it_converged():
    names = [column.name for column in all_columns(["energy", "steps"])]
    assert names == ["converged", "steps", "energy"]


def test_a_row_holds_what_there_is_and_why_the_rest_is_not(tmp_path):
    records = Records(tmp_path / "records.jsonl")
    energy = find_column("energy")
    answer = {
        "values": {energy.header: -1.0},
        "failures": {"volume": "lost\nin a line"},
    }
    records.append({"key": "=a", "seconds": 2.0, "values": answer})
    error = {"kind": "Died", "message": "its worker was ended"}
    records.append({"key": "b", "seconds": 0.0, "error": error})
    screen = Screened(records, {"=a": Given({"Si": 1}, {}), "b": Given({}, {"e": 1.0})})
    first, second = rows(screen, above_hull(screen, None))
    assert first.values["energy_above_hull_eV_per_atom"] == 0
    assert first.failure == "volume: lost in a line"
    assert second.failure == "crystal: Died: its worker was ended"
    path = tmp_path / "table.csv"
    columns = [energy, find_column("volume")]
    write_table(path, rows(screen, None), columns, [Comparison(energy, "e")])
    with path.open(encoding="utf-8") as file:
        one, other = csv.DictReader(file)
    assert one["crystal"] == "'=a"  # no spreadsheet takes it for a formula
    assert one["energy_eV_per_atom"] == "-1.0"
    assert other["energy_reference_eV_per_atom"] == "1.0"
    assert (one["volume_A3_per_atom"], other["energy_eV_per_atom"]) == ("", "")
