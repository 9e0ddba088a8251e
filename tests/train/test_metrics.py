"""Errors from sums: means over all labels, in the units of their names."""

import numpy as np
from numpy.testing import assert_allclose

from matjax.predictors import LABELS, Label
from matjax.train.losses import Sums
from matjax.train.metrics import errors, summed


def test_errors_are_means_over_all_batches_in_their_units():
    parts = [
        {"energy": Sums(loss=0, absolute=0.3, square=0.05, count=2)},
        {"energy": Sums(loss=0, absolute=0.1, square=0.01, count=2)},
    ]
    found = errors(summed(parts), [LABELS["energy"]])
    assert_allclose(found["energy_mae_meV_per_atom"], 100.0)  # 0.4 eV of 4 labels
    assert_allclose(found["energy_rmse_meV_per_atom"], 1e3 * np.sqrt(0.015))


def test_many_small_parts_are_not_lost():
    one = {"gap": Sums(*(np.float32(x) for x in (0, 1e-3, 1e-6, 1)))}
    first = {"gap": Sums(*(np.float32(x) for x in (0, 1e5, 1e10, 1)))}
    found = summed([first, *[one] * 1000])["gap"]
    # float32 has steps of 0.008 at 1e5, and would keep none of them.
    assert_allclose(found.absolute, 1e5 + 1.0, rtol=1e-12, atol=1e-4)


def test_no_label_gives_no_number_and_no_division_by_zero():
    found = errors({"gap": Sums(0.0, 0.0, 0.0, 0.0)}, [Label("gap", unit="eV")])
    assert found == {"gap_mae_eV": 0.0, "gap_rmse_eV": 0.0}
