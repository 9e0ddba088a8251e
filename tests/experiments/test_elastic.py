"""The elastic experiment, from its shipped config to its files."""

import csv
import json
import logging

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.cli import main
from matjax.crystals import Crystal, read, write


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


def table(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_silicon_has_the_known_constants_of_its_potential(folder):
    # 1 % too large at first: only the relaxed crystal has the published constants.
    settings = ["elastic/silicon", "crystal.a=5.48", "--out", str(folder)]
    assert main(["run", *settings]) == 0
    metrics = json.loads((folder / "metrics.json").read_text())
    rows = table(folder / "tensor.csv")
    # Cowley, Phys. Rev. Lett. 60, 2379 (1988); published digits.
    assert_allclose(float(rows[0]["xx_GPa"]), 151.4, atol=0.06)
    assert_allclose(float(rows[1]["xx_GPa"]), 76.4, atol=0.06)
    assert_allclose(float(rows[3]["yz_GPa"]), 56.4, atol=0.06)
    assert [row["component"] for row in rows] == ["xx", "yy", "zz", "yz", "xz", "xy"]
    assert float(table(folder / "clamped.csv")[3]["yz_GPa"]) > 100
    assert_allclose(metrics["bulk_GPa"], (151.4 + 2 * 76.4) / 3, atol=0.1)
    assert metrics["stable"] == 1
    assert metrics["max_stress_GPa"] < 1e-3
    assert_allclose(metrics["density_g_per_cm3"], 2.329, atol=1e-3)  # published digits
    (along_x, *_) = table(folder / "sound.csv")
    fastest = (151.4 / 2.329) ** 0.5
    assert_allclose(float(along_x["velocity_3_km_per_s"]), fastest, rtol=1e-3)
    assert_allclose(read(folder / "relaxed.cif").volume, 5.431**3 / 4, rtol=1e-4)
    assert (folder / "young.png").stat().st_size > 10_000


def test_a_crystal_that_is_not_at_rest_or_stable_is_said_to_be(folder, caplog):
    path = folder.parent / "si.extxyz"
    cell = 5.9 / 2 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    write(path, Crystal.create([14, 14], cell, fractional=[[0, 0, 0], [0.26] * 3]))
    settings = [f"crystal={path}", "relax=false", "--out", str(folder)]
    with caplog.at_level(logging.WARNING):
        assert main(["run", "elastic/silicon", *settings]) == 0
    assert "the crystal is not at rest" in caplog.text
    assert not (folder / "relaxed.cif").exists()
