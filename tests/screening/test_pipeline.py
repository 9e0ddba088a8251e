"""From entries to records: choice, order, refusals, and what is not computed twice."""

import json

from matjax.data import Entry
from matjax.processes import read_answers
from matjax.screening import screened, selection
from tests.screening.crystals import batch, cubic, silicon


def entries():
    """A large crystal, none, and a small one."""
    yield Entry("large", "a#0", cubic(), "", {"k": 1.0})
    yield Entry("none", "a#1", None, "two atoms on one place", {})
    yield Entry("small", "a#2", silicon(), "", {"k": 2.0})


def test_crystals_are_chosen_by_size_and_seed():
    chosen = selection(entries, limit=None, max_atoms=2, seed=0)
    assert chosen == ["none", "small"]
    one = selection(entries, limit=1, max_atoms=None, seed=3)
    assert len(one) == 1
    assert set(one) <= set(selection(entries, limit=2, max_atoms=None, seed=3))


def test_records_of_all_entries_and_none_twice(tmp_path):
    path = tmp_path / "crystals.jsonl"
    settings = {**batch().settings.plain(), "columns": ["energy"], "source": "a"}
    shown = []

    def progress(records, description, *, total):
        assert total == 2  # the refused one has its record before
        for record in records:
            shown.append(record["key"])
            yield record

    found = screened(entries, path, settings, n_workers=1, total=3, progress=progress)
    assert list(found.given) == ["large", "none", "small"]  # as the source has them
    assert sorted(shown) == ["large", "small"]
    assert found.given["large"].n_atoms == 8
    assert found.given["small"].references == {"k": 2.0}
    assert found.records["none"]["error"]["message"] == "two atoms on one place"
    values = found.records["small"]["values"]["values"]
    assert abs(values["energy_eV_per_atom"] + 4.3363) < 1e-3

    again = screened(entries, path, settings, n_workers=1)
    assert again.given == found.given
    lines = path.read_text().splitlines()
    assert len(lines) == 4
    assert len(read_answers(path)) == 3
    assert json.loads(lines[0])["settings"]["columns"] == ["energy"]
