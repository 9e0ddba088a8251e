"""Published files that users place: where they are found, and what is refused."""

from __future__ import annotations

import pytest

from matjax.cli import main
from matjax.weights import (
    PRETRAINED,
    Placed,
    find,
    load_potential,
    load_predictor,
    pretrained,
    store,
    whereabouts,
)
from matjax.weights.matgl_config import settings_path
from tests.weights.damaged_files import refused
from tests.weights.small_matgl import M3GNET, config_of, m3gnet_state, placed, written

SMALL = (config_of("M3GNet", M3GNET), m3gnet_state(M3GNET))


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No folder has weights, but those that a test names."""
    for variable in ("MATJAX_DATA", "MATJAX_MODELS", "MATJAX_CACHE"):
        monkeypatch.setenv(variable, str(tmp_path / "none"))
    return monkeypatch


def test_every_entry_tells_what_it_is_and_has_checksums():
    for name, entry in pretrained(Placed).items():
        assert len(entry.sha256) == len(entry.settings_sha256) == 64, name
        assert entry.source.startswith("https://github.com/")
        for word in ("eV", "GPa"):
            assert word in entry.about or word not in entry.unit
        assert entry.about.count(";") >= 2  # what in which unit; whence; elements
        assert "elements" in entry.about
    files = [entry.file for entry in pretrained(Placed).values()]
    assert len(files) == len(set(files)) == 17


def test_without_files_the_error_says_what_to_place_and_why(nowhere):
    for load, name in (
        (load_potential, "m3gnet-matpes-pbe"),
        (load_predictor, "megnet-band-gap"),
    ):
        with pytest.raises(FileNotFoundError) as caught:
            load(name)
        told = str(caught.value)
        for part in (PRETRAINED[name].file, ".config.json", "unpickled", "MATJAX_"):
            assert part in told
        assert whereabouts(PRETRAINED[name]) == "not found"


@pytest.mark.parametrize("folder", ["", "matgl"])
def test_files_are_found_in_a_folder_or_in_that_of_their_package(
    nowhere, tmp_path, folder
):
    place = tmp_path / "named" / folder
    place.mkdir(parents=True)
    path = written(place, *SMALL)
    nowhere.setenv("MATJAX_MODELS", str(tmp_path / "named"))
    entry = placed(path)
    assert find(entry) == path
    assert store.placed(entry) == path


def test_settings_must_be_there_and_both_have_their_checksums(nowhere, tmp_path):
    path = written(tmp_path, *SMALL)
    nowhere.setenv("MATJAX_MODELS", str(tmp_path))
    entry = placed(path)
    text = settings_path(path).read_text()
    settings_path(path).write_text(text + " ")
    told = refused(lambda _: store.placed(entry), settings_path(path))
    assert entry.settings_sha256 in told
    settings_path(path).unlink()
    with pytest.raises(FileNotFoundError, match="are not together in one"):
        store.placed(entry)
    settings_path(path).write_text(text)
    path.write_bytes(path.read_bytes() + b" ")
    assert entry.sha256 in refused(lambda _: store.placed(entry), path)


def test_list_shows_units_training_sets_and_elements(capsys):
    main(["list"])
    told = capsys.readouterr().out
    for name, entry in pretrained(Placed).items():
        assert name in told
        assert entry.about in told
