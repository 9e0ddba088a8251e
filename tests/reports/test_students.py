"""Phonons of a student beside those of its teacher."""

import numpy as np
from numpy.testing import assert_allclose

from matjax.distillation import COMPARED
from matjax.reports import student_figure, student_table
from tests.force_constants.ionic import rocksalt
from tests.force_constants.lattices import fcc


def found(shift):
    return {name: np.array([1.0, 3.0]) + shift for name in COMPARED}


def test_each_stage_has_its_columns():
    crystals = {"salt": rocksalt(), "copper": fcc()}
    stages = {"teacher": found(0), "after": found(0.5)}
    table = student_table(crystals, stages)
    assert table["formula"] == ["ClNa", "Cu"]
    assert_allclose(table["after_max_frequency_THz"], [1.5, 3.5])
    assert_allclose(table["teacher_heat_capacity_J_per_mol_K"], [1, 3])


def test_legends_give_the_mean_errors():
    stages = {"teacher": found(0), "before": found(-2), "after": found(0.5)}
    figure = student_figure(stages)
    assert len(figure.axes) == len(COMPARED)
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts == ["before: 2", "after: 0.5"]
