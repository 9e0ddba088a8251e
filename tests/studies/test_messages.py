"""Messages of exceptions: whose fault it is, and what to do, in one line."""

import errno

import pytest

from matjax.errors import LONGEST, ConfigError, DivergenceError
from matjax.studies.messages import message


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("steps must be even"), "error: steps must be even"),
        (ConfigError("a key is missing"), "error: a key is missing"),
        (DivergenceError("the loss is not a number"), "error: the loss is not"),
        (ValueError(), "error: ValueError"),
        (OSError(errno.ENOSPC, "x", "a.csv"), "error: a.csv: no space is left"),
        (OSError(errno.EISDIR, "x", "a"), "error: a: a folder, where a file"),
        (PermissionError(errno.EACCES, "Denied", "b"), "error: b: denied"),
        (MemoryError("1 TB"), "error: there is not enough memory (1 TB)"),
        (RuntimeError("RESOURCE_EXHAUSTED: out\nmore"), "error: there is not enough"),
        (RuntimeError("a bug\nof two lines"), "internal error: RuntimeError: a bug"),
        (KeyError("x"), "internal error: KeyError: 'x'"),
        (SystemExit(3), "error: the study ended the process itself, by SystemExit(3)"),
    ],
)
def test_faults_of_input_and_of_code_are_told_apart(error, told):
    text = message(error)
    assert text.startswith(told)
    assert "\n" not in text


def test_a_bug_is_told_with_its_place_in_the_package():
    code = compile("def f():\n    1 + None", "made_up.py", "exec")
    for module, place in (("matjax.made_up", " in made_up.py, line 2"), ("other", "")):
        scope = {"__name__": module}
        exec(code, scope)
        with pytest.raises(TypeError) as caught:
            scope["f"]()
        assert f"'NoneType'{place}; please report it" in message(caught.value)


def test_long_messages_are_cut():
    text = message(ValueError("x" * 10_000))
    assert len(text) < LONGEST + 20
    assert text.endswith("…")
