"""Outcomes are counted and errors are those of the crystals that have both values."""

import numpy as np
from numpy.testing import assert_allclose

from matjax.screening import find_column
from matjax.screening.pipeline import Given
from matjax.screening.table import Comparison, Row
from matjax.screening.tally import Tally


def row(key, values, references, failure="", n_atoms=2):
    given = Given({"Si": n_atoms}, references)
    return Row(key, given, values, failure, None, 1.5)


def test_errors_and_outcomes():
    column = find_column("heat_capacity")
    name = column.header
    rows = [
        row(
            "a",
            {name: 40.0, "converged": True, "space_group_after": "P1"},
            {"cv": 39.0},
        ),
        row("b", {name: 80.0, "converged": False}, {"cv": 82.0}, n_atoms=4),
        row("c", {"converged": True}, {"cv": 1.0}, "heat_capacity: soft"),
        row("d", {}, {"cv": 1.0}, "crystal: none"),
        row("e", {name: 1.0, "converged": True}, {}),
    ]
    words = find_column("space_group_after")
    tally = Tally.of(rows, [column, words], [Comparison(column, "cv")])
    (numbers,) = tally.columns
    assert_allclose(numbers.values, [40, 80, np.nan, np.nan, 1])
    found = tally.metrics()
    assert found["n_crystals"] == 4
    assert (found["n_failed"], found["n_not_converged"], found["n_incomplete"]) == (
        *(1, 1, 1),
    )
    assert found["heat_capacity_n_compared"] == 2
    assert_allclose(found["heat_capacity_mae_J_per_mol_K"], 1.5)
    assert_allclose(found["heat_capacity_bias_J_per_mol_K"], -0.5)
    assert_allclose(found["heat_capacity_mae_per_atom_J_per_mol_K"], 0.5)
    assert_allclose(found["crystal_seconds"], 7.5)
