"""What figures of a training show."""

import numpy as np

from matjax.reports import learning_figure, parity_figure
from matjax.train import Comparison


def test_one_epoch_is_visible():
    record = {"epoch": 1, "train_energy_mae_eV": 0.2, "val_energy_mae_eV": 0.3}
    (panel,) = learning_figure([record]).axes
    assert [line.get_marker() for line in panel.get_lines()] == ["o", "o"]
    left, right = panel.get_xlim()
    assert [x for x in panel.get_xticks() if left <= x <= right] == [1]


def test_parity_figures_state_their_error():
    pair = Comparison(np.array([1.0, 2.5]), np.array([1.0, 2.0]))
    (panel,) = parity_figure({"energy": pair}).axes
    assert panel.get_title() == "energy: MAE 0.25 eV/atom"


def test_errors_that_are_all_zero_have_no_panel():
    record = {"epoch": 1, "val_energy_mae_eV": 0.3, "val_n_atoms_loss_mae": 0.0}
    (panel,) = learning_figure([record]).axes
    assert "energy" in panel.get_ylabel()
