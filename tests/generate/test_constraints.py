"""Constraints: what every sample has, whatever the network says."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal, space_group
from matjax.generate import Constraints, SamplerConfig
from tests.generate.test_generator import generator

CELL = np.array([[3.9, 0.1, 0.0], [0.0, 4.0, 0.2], [0.3, 0.0, 4.1]])
HELD = Crystal.create([8, 22], CELL, fractional=[[0.1, 0.2, 0.3], [1.6, 0.7, -0.2]])
TETRAGONAL = 4.0 * np.diag([1.0, 1.0, 1.3])


@pytest.fixture(scope="module")
def predictor():
    return generator()


@pytest.fixture(scope="module")
def chooser():
    return generator(fractional="diffusion", elements="absorbing")


def test_a_given_cell_is_kept_in_its_own_orientation(predictor):
    for cell in (CELL, -CELL):
        found = predictor.sample("TiO2", n=2, constraints=Constraints(cell=cell))
        assert_allclose(found[1].cell, cell, rtol=0)
        assert np.abs(found[0].fractional - found[1].fractional).max() > 1e-3
    # The network sees the cell, on which coordinates depend.
    other = predictor.sample("TiO2", n=2, constraints=Constraints(cell=1.5 * CELL))
    assert np.abs(other[0].fractional - found[0].fractional).max() > 1e-6


@pytest.mark.parametrize("name", ["predictor", "chooser"])
def test_held_atoms_stand_first_and_where_they_were(name, request):
    made = request.getfixturevalue(name)
    of = {"formula": "TiO2"} if name == "predictor" else {"n_atoms": 3}
    found = made.sample(n=2, **of, constraints=Constraints(held=HELD))
    for sample in found:
        assert sample.numbers[:2].tolist() == [8, 22]
        assert_allclose(sample.fractional[:2], HELD.fractional % 1, atol=1e-12)
        assert sample.n_atoms == 3
    assert np.abs(found[0].fractional[2] - found[1].fractional[2]).max() > 1e-3


def wide(made, *sizes):
    """The same generator of cells of these sizes."""
    coverage = made.coverage.model_copy(update={"n_atoms": sizes})
    return made.replace(recipe=made.recipe.model_copy(update={"coverage": coverage}))


@pytest.mark.parametrize(
    ("number", "n_formula", "order"),
    [(62, 4, 8), pytest.param(166, 2, 12, marks=pytest.mark.slow), (194, 4, 24)],
)
def test_samples_have_the_operations_of_the_group(predictor, number, n_formula, order):
    """spglib finds them; positions without freedom may bring some more."""
    constraints = Constraints(space_group=number)
    made = wide(predictor, 3 * n_formula)
    for sample in made.sample("TiO2", 3, n_formula=n_formula, constraints=constraints):
        assert space_group(sample, 1e-5).n_operations % order == 0


def test_random_steps_and_chosen_elements_keep_the_group(chooser):
    sampler = SamplerConfig("predictor_corrector", 3)
    constraints = Constraints(space_group="P4mm")
    for sample in chooser.sample(
        n=4, n_atoms=5, constraints=constraints, sampler=sampler
    ):
        # Atoms that are drawn may lie near each other.
        assert space_group(sample, 1e-7).n_operations % 8 == 0


def test_a_cell_and_a_group_are_kept_together_the_same_among_any_number(predictor):
    constraints = Constraints(cell=TETRAGONAL, space_group="P4/mmm")
    many = predictor.sample("SrTiO3", 3, seed=2, constraints=constraints)
    for sample in many:
        assert_allclose(sample.cell, TETRAGONAL, rtol=0)
        assert space_group(sample, 1e-6).n_operations % 16 == 0
    one = predictor.sample("SrTiO3", 1, seed=2, constraints=constraints)
    assert_allclose(one[0].fractional, many[0].fractional, atol=1e-9)


@pytest.mark.parametrize(
    ("constraints", "answer"),
    [
        ({"held": HELD.replace(numbers=np.array([22, 22]))}, "Ti is held more often"),
        ({"held": HELD.replace(numbers=np.array([8, 56]))}, "Ba is held more often"),
    ],
)
def test_held_atoms_that_the_formula_lacks_are_refused(predictor, constraints, answer):
    with pytest.raises(ValueError, match=answer):
        predictor.sample("TiO2", constraints=Constraints(**constraints))


def test_a_group_without_positions_for_the_formula_is_refused(predictor):
    with pytest.raises(
        ValueError, match=r"Fd-3m \(227\) has no .* for 3 O, 1 Ti, 1 Sr"
    ):
        predictor.sample("SrTiO3", constraints=Constraints(space_group=227))


@pytest.mark.parametrize(
    ("constraints", "answer"),
    [
        ({"space_group": 300}, "1 to 230"),
        ({"space_group": 1, "held": HELD}, "not both"),
        ({"space_group": 221, "cell": TETRAGONAL}, "must have the symmetry of Pm-3m"),
        ({"cell": np.zeros((3, 3))}, "span a volume"),
    ],
)
def test_constraints_that_contradict_each_other_are_refused(constraints, answer):
    with pytest.raises(ValueError, match=answer):
        Constraints(**constraints)


def test_held_atoms_are_of_elements_that_the_generator_knows(chooser):
    held = HELD.replace(numbers=np.array([8, 56]))
    with pytest.raises(ValueError, match=r"holds Ba.*trained on"):
        chooser.sample(n_atoms=3, constraints=Constraints(held=held))


def test_a_generator_without_a_process_of_cells_needs_one():
    fixed = generator(cell="given")
    with pytest.raises(ValueError, match="needs a cell"):
        fixed.sample("TiO2")
    sample = fixed.sample("TiO2", constraints=Constraints(cell=CELL))[0]
    assert_allclose(sample.cell, CELL, rtol=0)
