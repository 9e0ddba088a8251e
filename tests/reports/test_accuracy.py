"""Predicted beside reference values: errors with sign, failures with reason."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.data import Item
from matjax.reports import (
    accuracy_figure,
    accuracy_metrics,
    accuracy_table,
    failures,
)
from tests.force_constants.ionic import rocksalt
from tests.force_constants.lattices import fcc

UNITS = {"heat_capacity": "J_per_mol_K"}


def item(crystal, value):
    return Item(tuple(crystal.numbers.tolist()), crystal, {"heat_capacity": value})


@pytest.fixture
def items():
    return {
        "salt": item(rocksalt(), 40.0),
        "copper": item(fcc(), 20.0),
        "none": item(fcc(), 20.0),
    }


ANSWERS = {
    "salt": {"seconds": 2.0, "values": {"heat_capacity": 44.0, "mesh": [2, 2, 2]}},
    "copper": {"seconds": 1.0, "values": {"heat_capacity": 19.0, "mesh": [4, 4, 4]}},
    "none": {"seconds": 0.5, "error": {"kind": "ValueError", "message": "no\nway"}},
}


def test_errors_are_of_those_that_have_a_result(items):
    found = accuracy_metrics(ANSWERS, items, UNITS, per_atom=("heat_capacity",))
    assert_allclose(found["heat_capacity_bias_J_per_mol_K"], (4 - 1) / 2)
    assert_allclose(found["heat_capacity_mae_J_per_mol_K"], (4 + 1) / 2)
    assert_allclose(found["heat_capacity_rmse_J_per_mol_K"], np.sqrt((16 + 1) / 2))
    assert_allclose(found["heat_capacity_mae_per_atom_J_per_mol_K"], (4 / 2 + 1) / 2)
    assert (found["n_crystals"], found["n_failed"]) == (2, 1)
    assert_allclose(found["crystal_seconds"], 3.5)


def test_the_table_has_a_row_for_each_crystal(items):
    table = accuracy_table(ANSWERS, items, UNITS)
    assert table["formula"] == ["NaCl", "Cu", "Cu"]
    assert_allclose(table["heat_capacity_error_J_per_mol_K"], [4, -1, np.nan])
    assert table["mesh"] == ["[2, 2, 2]", "[4, 4, 4]", ""]
    assert table["failure"] == ["", "", "ValueError: no"]
    assert failures(ANSWERS) == ["none: ValueError: no"]


def test_the_figure_states_its_error_in_readable_units(items):
    (panel,) = accuracy_figure(ANSWERS, items, UNITS).axes
    assert panel.get_title() == "2 crystals, mean error 2.5 J/mol K"
    assert panel.get_xlabel() == "DFT heat capacity (J/(mol K))"
