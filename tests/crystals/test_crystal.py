"""The crystal: what it checks, what it computes, that it is a pytree."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal

CELL = np.array([[4.0, 0.2, 0.1], [-1.1, 3.7, 0.4], [0.3, 0.9, 4.4]])
FRACTIONAL = np.array([[0.1, 0.2, 0.3], [1.55, -0.4, 0.8]])


def crystal(**changes):
    arguments = {"fractional": FRACTIONAL, "pbc": True, **changes}
    return Crystal.create(["Si", "O"], CELL, **arguments)


def test_positions_and_fractional_coordinates_describe_the_same_atoms():
    first = crystal()
    second = crystal(fractional=None, positions=first.positions)
    assert_allclose(first.positions, FRACTIONAL @ CELL)
    assert_allclose(second.fractional, FRACTIONAL, atol=1e-12)  # round-off


def test_symbols_and_numbers_and_masses_agree():
    assert crystal().numbers.tolist() == [14, 8]
    assert crystal().symbols == ["Si", "O"]
    assert_allclose(crystal().masses, [28.085, 15.999])  # IUPAC 2016


def test_volume_is_positive_for_left_handed_cells():
    left = crystal().replace(cell=CELL[[1, 0, 2]])
    assert_allclose(left.volume, abs(np.linalg.det(CELL)), rtol=1e-12)  # round-off


def test_moved_atoms_keep_the_cell():
    moved = crystal().with_positions(crystal().positions + 0.1)
    assert_allclose(moved.positions, crystal().positions + 0.1, atol=1e-12)
    assert (moved.cell == CELL).all()


def test_strain_deforms_cell_and_positions_alike():
    strain = np.array([[0.01, 0.02, 0.0], [0.02, -0.03, 0.0], [0.0, 0.0, 0.05]])
    strained = crystal().strained(strain)
    expected = crystal().positions @ (np.eye(3) + strain)
    assert_allclose(strained.positions, expected, rtol=1e-12)  # round-off


def test_host_crystal_stays_on_the_host_in_float64():
    for changed in (crystal().with_positions(np.ones((2, 3))), crystal()):
        assert isinstance(changed.fractional, np.ndarray)
        assert changed.fractional.dtype == np.float64
        assert isinstance(changed.positions, np.ndarray)


def test_crystal_is_a_pytree_whose_periodicity_is_static():
    leaves, structure = jax.tree.flatten(crystal())
    assert len(leaves) == 3
    assert structure != jax.tree.structure(crystal(pbc=False))


def test_volume_differentiates_through_the_cell():
    gradient = jax.jit(jax.grad(lambda c: c.volume, allow_int=True))(crystal())
    # d|V|/dA = |V| A⁻ᵀ (Jacobi's formula)
    expected = crystal().volume * np.linalg.inv(CELL).T
    assert_allclose(gradient.cell, expected, rtol=1e-10)  # round-off


def test_traced_crystal_moves_and_strains():
    @jax.jit
    def stretched(crystal, strain):
        crystal = crystal.with_positions(crystal.positions + 1.0)
        return crystal.strained(strain).positions

    result = stretched(crystal(), jnp.eye(3) * 0.1)
    assert_allclose(result, 1.1 * (crystal().positions + 1.0), rtol=1e-12)


@pytest.mark.parametrize(
    ("pbc", "expected"),
    [(True, (True,) * 3), (np.array([True, False, True]), (True, False, True))],
)
def test_periodicity_is_a_tuple_of_plain_truth_values(pbc, expected):
    assert Crystal.create(["Si"], CELL, fractional=[[0, 0, 0]], pbc=pbc).pbc == expected


BAD = {
    "no atom": (([], CELL), {"fractional": np.zeros((0, 3))}, "at least one atom"),
    "unknown symbol": ((["Xy"], CELL), {"fractional": [[0, 0, 0]]}, "chemical symbol"),
    "number 0": (([0], CELL), {"fractional": [[0, 0, 0]]}, "must lie in 1 to"),
    "number 200": (([200], CELL), {"fractional": [[0, 0, 0]]}, "must lie in 1 to"),
    "number 14.5": (([14.5], CELL), {"fractional": [[0, 0, 0]]}, "list of integers"),
    "both": (
        ([14], CELL),
        {"fractional": [[0, 0, 0]], "positions": [[0, 0, 0]]},
        "exactly one",
    ),
    "neither": (([14], CELL), {}, "exactly one"),
    "NaN": (([14], CELL), {"positions": [[0, np.nan, 0]]}, "must be finite"),
    "shape": (([14], CELL), {"positions": [[0, 0, 0], [1, 1, 1]]}, r"\(1, 3\)"),
    "flat cell": (
        ([14], [[1, 0, 0], [0, 1, 0], [1, 1, 0]]),
        {"fractional": [[0, 0, 0]]},
        "linearly dependent",
    ),
    "zero cell": (([14], np.zeros((3, 3))), {"positions": [[0, 0, 0]]}, "dependent"),
    "NaN cell": (([14], CELL * np.nan), {"positions": [[0, 0, 0]]}, "must be finite"),
    "cell shape": (([14], [1, 2, 3]), {"fractional": [[0, 0, 0]]}, "three rows"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_crystal_is_refused(name):
    arguments, keywords, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        Crystal.create(*arguments, **keywords)


def test_two_truth_values_are_no_periodicity():
    with pytest.raises(ValueError, match="one truth value or three"):
        crystal(pbc=np.array([True, False]))
