"""The catalog: names find studies of matjax, and paths alone those of others."""

from pathlib import Path

import pytest

from matjax.config import ConfigError
from matjax.studies import catalog

STUDY = "'''Counts.\n\nMore words.\n'''\nraise SystemExit('must not run')\n"


def test_every_configuration_belongs_to_an_experiment():
    experiments = catalog.experiments()
    for name, path in catalog.configs().items():
        assert name.partition("/")[0] in experiments
        study = catalog.find_study(name)
        assert study.name == name
        assert study.source == path
        # Of the study of its folder, or of one that is part of that study.
        assert name.replace("/", "_").startswith(study.reference)
        assert study.reference.startswith(name.partition("/")[0])


def test_former_names_lead_to_configurations_that_exist():
    for former, present in catalog.FORMER.items():
        assert catalog.find_study(former).name == present


def test_an_experiment_alone_has_its_defaults():
    study = catalog.find_study("phonons")
    assert study.values == {}
    assert study.experiment == catalog.experiments()["phonons"]


def test_summaries_are_read_without_running_the_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(STUDY)
    assert catalog.summary(path) == "Counts."
    assert catalog.find_study(str(path)).reference == str(path.resolve())


def test_names_that_are_close_are_answered_with_the_nearest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"phonons/silicon"):
        catalog.find_study("phonons/silicn")
    with pytest.raises(ConfigError, match="the name of a configuration"):
        catalog.find_study("./")
    Path("mine.py").write_text(STUDY)
    with pytest.raises(FileNotFoundError, match=r"matjax run mine\.py"):
        catalog.find_study("mine")


def test_a_file_that_fails_is_named(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(STUDY)
    with pytest.raises(ConfigError, match=r"mine\.py cannot be loaded: .*must not run"):
        catalog.load_experiment(path)
    path.write_text("x = 1\n")
    with pytest.raises(ConfigError, match=r"mine\.py"):
        catalog.load_experiment(path)
