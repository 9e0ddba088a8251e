"""Wyckoff positions from operations, against the International Tables."""

import numpy as np
import pytest
import spglib
from numpy.testing import assert_allclose

from matjax.crystals.wyckoff import GRID, primitive_group

TABLES = {
    # Multiplicity in the primitive cell and freedom, as volume A lists them.
    "P-1": [(1, 0)] * 8 + [(2, 3)],
    "Pm-3m": [
        *((1, 0), (1, 0), (3, 0), (3, 0), (6, 1), (6, 1), (8, 1)),
        *((12, 1), (12, 1), (12, 1), (24, 2), (24, 2), (24, 2), (48, 3)),
    ],
    "Fm-3m": [
        *((1, 0), (1, 0), (2, 0), (6, 0), (6, 1), (8, 1), (12, 1), (12, 1), (12, 1)),
        *((24, 2), (24, 2), (48, 3)),
    ],
    "R-3m": [
        *((1, 0), (1, 0), (2, 1), (3, 0), (3, 0), (6, 1), (6, 1), (6, 2), (12, 3)),
    ],
}


@pytest.mark.parametrize("symbol", TABLES)
def test_positions_are_those_of_the_tables(symbol):
    group = primitive_group(symbol)
    found = [(p.multiplicity, p.freedom) for p in group.positions]
    assert sorted(found) == sorted(TABLES[symbol])


@pytest.mark.slow
def test_all_groups_have_as_many_positions_as_the_tables():
    groups = [primitive_group(number) for number in range(1, 231)]
    assert sum(len(group.positions) for group in groups) == 1731
    assert all(group.positions[-1].freedom == 3 for group in groups)


@pytest.mark.parametrize("symbol", ["P2_1/c", "I4/mcm", "P6_3/mmc", "Fd-3m"])
def test_operations_carry_atoms_of_a_position_onto_each_other(symbol):
    group = primitive_group(symbol)
    free = np.random.default_rng(0).random(3)
    for position in group.positions:
        atoms = position.rotations @ free + position.translations
        moved = np.einsum("kij,nj->kni", group.rotations, atoms)
        moved += (group.translations / GRID)[:, None]
        apart = moved - atoms[position.permutation]
        assert_allclose(apart - np.rint(apart), 0, atol=1e-12)  # round-off
        # The first atom stands where its own coordinates say.
        again = position.rotations @ atoms[0] + position.translations
        assert_allclose((again - atoms + 0.5) % 1 - 0.5, 0, atol=1e-12)
        assert len(np.unique(np.round(atoms % 1, 9), axis=0)) == len(atoms)


@pytest.mark.parametrize("number", [14, 62, 139, 166, 227])
def test_a_crystal_on_general_positions_has_the_group(number):
    group = primitive_group(number)
    w = group.rotations.astype(float)
    metric = np.mean(w.swapaxes(1, 2) @ np.diag([9.0, 11.0, 13.0]) @ w, axis=0)
    general = group.positions[-1]
    free = np.random.default_rng(1).random((2, 3))
    atoms = np.concatenate([general.rotations @ f + general.translations for f in free])
    kinds = np.repeat([1, 2], general.multiplicity)
    cell = np.linalg.cholesky(metric)
    found = spglib.get_symmetry_dataset((cell, atoms, kinds), symprec=1e-5)
    assert found.number == number


def test_numbers_and_symbols_mean_the_same_and_others_are_refused():
    assert primitive_group("I4/mcm") is primitive_group(140)
    assert primitive_group("140").symbol == "I4/mcm"
    for wrong in (0, 231, "P9", ""):
        with pytest.raises(ValueError, match=r"1 to 230 .* Pm-3m"):
            primitive_group(wrong)
