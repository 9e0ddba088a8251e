"""Settings of space groups by symbols, against spglib's table.

CIFs in all of them are read in test_cif_settings.
"""

import numpy as np
import pytest
import spglib

from matjax.crystals import cell_from_parameters
from matjax.crystals.settings import (
    differ_by_origin,
    fits,
    hall_setting,
    is_group,
    named_settings,
    type_number,
)

HALLS = [1, 90, 227, 430, 489, 525, 526, 530]


@pytest.mark.parametrize("hall", HALLS)
def test_hall_symbols_have_the_operations_of_spglib(hall):
    table = spglib.get_symmetry_from_database(hall)
    kind = spglib.get_spacegroup_type(hall)
    setting = hall_setting(kind.hall_symbol)
    expected = {
        (*w.ravel(), *(np.rint(24 * t).astype(int) % 24))
        for w, t in zip(table["rotations"], table["translations"], strict=True)
    }
    assert setting.key == expected
    assert is_group(setting)
    assert type_number(setting) == kind.number


def test_what_is_no_symbol_names_no_setting():
    assert hall_setting("P 9z") is None
    assert named_settings("Q m 3", None) is None


def test_two_origins_of_one_symbol_differ_by_their_origin_alone():
    one, two = (named_settings(f"F d -3 m :{n}", None)[0] for n in (1, 2))
    assert one.key != two.key
    assert differ_by_origin(one, two)
    assert not differ_by_origin(one, named_settings("F m -3 m", None)[0])
    assert {s.key for s in named_settings("F d -3 m", None)} == {one.key, two.key}


def test_part_of_a_group_is_no_group():
    whole = hall_setting("-P 2ybc")
    assert not is_group(
        whole._replace(
            rotations=whole.rotations[1:], translations=whole.translations[1:]
        )
    )


def test_a_setting_fits_cells_that_keep_their_metric():
    monoclinic = hall_setting("-P 2ybc")
    assert fits(monoclinic, cell_from_parameters([5, 6, 7, 90, 104, 90]))
    assert not fits(monoclinic, cell_from_parameters([5, 6, 7, 104, 90, 90]))
