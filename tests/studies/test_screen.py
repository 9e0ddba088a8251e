"""What a screen leaves: rows in the order of the source, reasons, errors, a figure."""

import csv

import pytest
from ase.io import read
from numpy.testing import assert_allclose

from matjax.crystals import crystal_to_json
from matjax.processes import Records
from matjax.screening.pipeline import Given, Screened
from matjax.studies import Run, save_screen
from tests.screening.crystals import silicon


@pytest.fixture
def screen(tmp_path):
    """Two phases of silicon and carbon's compound with it, one failure."""
    records = Records(tmp_path / "crystals.jsonl")
    given = {}
    for key, composition, energy in (
        ("b", {"Si": 2}, -5.0),
        ("a", {"Si": 4}, -4.8),
        ("c", {"Si": 2, "C": 2}, -6.0),
        ("=d", {"Si": 1}, None),
    ):
        answer = {"failure": "atoms lie on one place"}
        if energy is not None:
            answer = {
                "values": {
                    "converged": True,
                    "energy_eV_per_atom": energy,
                    "bulk_modulus_GPa": 100.0,
                },
                "failures": {},
                "crystal": crystal_to_json(silicon()),
            }
        records.append({"key": key, "seconds": 1.0, "values": answer})
        given[key] = Given(composition, {"k": 90.0})
    return Screened(records, given)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_rows_keep_their_order_and_say_why_values_are_missing(tmp_path, screen, kind):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    run = Run(tmp_path / "run")
    metrics = save_screen(
        run,
        screen,
        ["energy", "energy_above_hull", "bulk_modulus"],
        compare={"bulk_modulus": "k"},
        kind=kind,
    )
    assert (metrics["n_crystals"], metrics["n_failed"]) == (3, 1)
    assert_allclose(metrics["bulk_modulus_mae_GPa"], 10)
    rows = table(tmp_path / "run" / f"table.{kind}")
    names = [row["crystal"].lstrip("'") for row in rows]
    assert names == ["b", "a", "c", "=d"]
    assert [row["formula"] for row in rows] == ["Si2", "Si4", "C2Si2", "Si"]
    above = [row["energy_above_hull_eV_per_atom"] for row in rows]
    assert_allclose([float(x) for x in above[:2]], [0, 0.2], atol=1e-9)
    assert not above[2]  # there is no pure carbon
    assert "C" in rows[2]["failure"]
    assert "one place" in rows[3]["failure"]
    frames = read(tmp_path / "run" / "structures.extxyz", ":")
    assert [atoms.info["material_id"] for atoms in frames] == ["b", "a", "c"]
    assert (tmp_path / "run" / "overview.png").stat().st_size > 10_000


def table(path):
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return pq.read_table(path).to_pylist()
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_screen_without_any_result_says_the_first_reason(tmp_path, screen):
    screen.given = {"=d": screen.given["=d"]}
    with pytest.raises(ValueError, match=r"no crystal has a result.*one place"):
        save_screen(Run(tmp_path / "run"), screen, ["energy"], compare={})
