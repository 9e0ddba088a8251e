"""Published data sets: names, checksums, and what happens without a network."""

import hashlib
import json
import re

import pytest

from matjax.data import published, read_dataset
from matjax.data.sources import find_data
from tests.crystals.test_structure_json import SALT

TABLE = {
    "index": [0, 1],
    "columns": ["structure", "last phdos peak"],
    "data": [[SALT, 98.5], [SALT, 101.0]],
}
"""As MatBench has it."""


@pytest.fixture
def entry(tmp_path, monkeypatch):
    """A data set on this machine under a published name."""
    content = json.dumps(TABLE).encode()
    (tmp_path / "there.json").write_bytes(content)
    entry = published.PublishedData(
        "matbench_phonons.json",
        (tmp_path / "there.json").as_uri(),
        hashlib.sha256(content).hexdigest(),
        2,
    )
    monkeypatch.setitem(published.PUBLISHED, "matbench_phonons", entry)
    monkeypatch.setenv("MATJAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MATJAX_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return entry


def test_a_published_name_is_downloaded_once_and_read(entry, tmp_path):
    dataset = read_dataset("matbench_phonons", ["last phdos peak"])
    assert [e.labels["last phdos peak"] for e in dataset.examples] == [98.5, 101.0]
    (tmp_path / "there.json").unlink()
    assert len(read_dataset("matbench_phonons", [])) == 2


def test_what_lies_in_a_named_folder_comes_first(entry, tmp_path, monkeypatch):
    own = tmp_path / "data" / "matbench_phonons"
    own.mkdir(parents=True)
    (own / "matbench_phonons.json").write_text(json.dumps(TABLE))
    monkeypatch.setenv("MATJAX_DATA", str(tmp_path / "data"))
    assert find_data("matbench_phonons") == own / "matbench_phonons.json"


def test_without_a_network_the_error_says_where_the_file_may_be_put(entry, tmp_path):
    (tmp_path / "there.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"put matbench_phonons\.json into"):
        find_data("matbench_phonons")


def test_every_entry_has_a_checksum_and_a_safe_address():
    assert len(published.PUBLISHED) == 11
    for entry in published.PUBLISHED.values():
        assert re.fullmatch("[0-9a-f]{64}", entry.sha256)
        assert entry.url.startswith("https://")
        assert entry.n_crystals > 500
