"""Names of data sets are searched in the folders of a variable."""

import os

import pytest

from matjax.data import read_dataset
from matjax.data.sources import find_data
from tests.data.examples import random_dataset, write_frames

LABELS = ["energy", "forces", "stress", "gap"]


@pytest.fixture(scope="module")
def dataset():
    return random_dataset(6, n_atoms=2)


def test_names_are_searched_in_the_folders_of_the_variable(
    dataset, tmp_path, monkeypatch
):
    (tmp_path / "set").mkdir()
    path = write_frames(tmp_path / "set" / "train.extxyz.gz", dataset)
    monkeypatch.setenv("MATJAX_DATA", os.pathsep.join(["/nowhere", str(tmp_path)]))
    assert find_data("set/train") == path
    assert read_dataset("set/train", ["energy"]).name == "set/train"
    with pytest.raises(FileNotFoundError, match=r"no data set set/best.*/nowhere"):
        read_dataset("set/best", ["energy"])
    monkeypatch.delenv("MATJAX_DATA")
    with pytest.raises(FileNotFoundError, match="the variable is not set"):
        find_data("set/train")
