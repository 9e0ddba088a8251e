"""Cells of tables: formulas are quoted, numbers are not."""

import pytest

from matjax.files import cell


@pytest.mark.parametrize(
    "text", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3", "\t=1", "\r=1", "=", "-"]
)
def test_text_that_a_spreadsheet_would_compute_is_quoted(text):
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["Si2", "a=b", "-1.5", "+2e-3", "-inf", "", -1.5, 3])
def test_numbers_and_other_text_stay(value):
    assert cell(value) == value
