"""Errors of matjax's own are told from all others, and from one another."""

import pytest

from matjax import errors


@pytest.mark.parametrize(
    "kind", [errors.ConfigError, errors.CrystalFileError, errors.WeightsError]
)
def test_input_that_is_wrong_is_a_value_error_and_one_of_ours(kind):
    with pytest.raises(ValueError, match="what is wrong") as caught:
        raise kind("what is wrong")
    assert isinstance(caught.value, errors.MatjaxError)


def test_divergence_is_arithmetic_and_keeps_what_was_computed():
    with pytest.raises(ArithmeticError, match="not a number") as caught:
        raise errors.DivergenceError("not a number", [1.0, 2.0])
    assert caught.value.result == [1.0, 2.0]
    assert isinstance(caught.value, errors.MatjaxError)
    assert not isinstance(caught.value, ValueError)
    assert errors.DivergenceError("x").result is None


def test_reasons_are_one_line_and_name_what_is_no_input():
    assert errors.reason(ValueError("two\n lines")) == "two lines"
    assert errors.reason(KeyError("x")) == "KeyError: 'x'"
    assert errors.reason(ValueError()) == "ValueError"
