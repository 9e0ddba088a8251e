"""YAML of configurations: what it may hold, and what a stranger's file cannot do."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from matjax.config import ConfigError, ExperimentConfig, build_config, read_yaml
from matjax.files import yaml_values


class Config(ExperimentConfig):
    text: str = "a"
    number: float = 0.0
    mesh: tuple[int, int, int] = (1, 1, 1)
    several: dict[str, float] = Field(default_factory=dict)


BOMB = "\n".join(
    ["a: &a [x, x]"] + [f"{new}: &{new} [*{old}, *{old}]" for old, new in ("ab", "bc")]
)

ATTACKS = {
    "scalar": (b"42", "a mapping of keys to values is needed"),
    "text": (b"just words", "a mapping of keys to values is needed"),
    "list": (b"[1, 2]", "a mapping of keys to values is needed"),
    "deep lists": (b"[" * 100_000, "nested deeper than 20 levels in line 1"),
    "deep mappings": (b"{a: " * 5_000, "nested deeper than 20 levels"),
    "deep blocks": (
        b"\n".join(b" " * i + b"a:" for i in range(500)),
        "nested deeper than 20 levels",
    ),
    "alias bomb": (BOMB.encode(), "anchors (&name) are not taken"),
    "alias": (b"a: *b", "aliases (*name) are not taken"),
    "object": (b"a: !!python/object/apply:os.system [ls]", "tags are not taken"),
    "own tag": (b"a: !x 1", "tags are not taken; received !x in line 1"),
    "binary": (b"a: !!binary aGk=", "tags are not taken"),
    "set": (b"a: !!set {x, y}", "tags are not taken"),
    "resolver": (b"text: ${oc.env:HOME}", "interpolations (${...}) are not resolved"),
    "hidden resolver": (b"text: a${oc.env:PATH}b", "interpolations"),
    "resolver as key": (b"${oc.env:HOME}: 1", "interpolations"),
    "escaped resolver": (b'text: "\\x24{oc.env:HOME}"', "interpolations"),
    "plain interpolation": (b"text: ${number}\nnumber: 1", "interpolations"),
    "duplicate": (b"number: 1\nnumber: 2", "duplicate key 'number' in line 2"),
    "duplicate inside": (b"several: {x: 1, x: 2}", "duplicate key 'x'"),
    "number as key": (b"1: 2", "keys are text; received 1"),
    "no as key": (b"several: {No: 1}", "keys are text; received False: quote it"),
    "list as key": (b"[a]: 2", "keys are text"),
    "mapping as key": (b"? {a: b}\n: 2", "keys are text"),
    "null as key": (b"null: 2", "keys are text; received None"),
    "tab": (b"a:\n\tb: 1", "cannot start any token in line 2"),
    "open list": (b"a: [1", "expected ',' or ']'"),
    "open quote": (b"a: 'b", "unexpected end of stream"),
    "two documents": (b"a: 1\n---\nb: 2", "but found another document"),
    "latin-1": ("text: Å".encode("latin-1"), "'utf-8' codec can't decode byte"),
    "utf-16": ("text: a".encode("utf-16"), "'utf-8' codec can't decode byte"),
    "zero byte": (b"text: a\0b", "special characters are not allowed"),
    "surrogate": (b'text: "\\ud800"', "text must be valid UTF-8"),
    "long": (b"#" + b"x" * 2_000_000, "characters; 1000000 are the most"),
    "long number": (b"number: " + b"9" * 5_000, "more than 1000 digits"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_file_that_no_configuration_needs_is_refused_in_a_line(tmp_path, name):
    content, answer = ATTACKS[name]
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    told = str(caught.value)
    assert told.startswith(f"{path}: ")
    assert answer in told
    assert len(told.splitlines()) == 1
    assert os.environ["HOME"] not in told.removeprefix(str(path))


@pytest.mark.parametrize(
    ("override", "answer"),
    [
        ("text=${oc.env:HOME}", "interpolations (${...}) are not resolved"),
        ("text=[*a]", "aliases (*name) are not taken"),
        ("text=!!python/name:os.system ''", "tags are not taken"),
        ("number=" + "[" * 10_000, "nested deeper than 20 levels"),
        ("number=" + "9" * 5_000, "more than 1000 digits"),
        ("number=1" + "0" * 400, "number"),
        (".".join("a" * 50) + "=1", "no key has 50 parts"),
        ("a..b=1", "settings are written key=value"),
        (".=1", "settings are written key=value"),
        ("mesh=[1,1]", "mesh: more than 2 values are needed; received [1, 1]"),
        ("mesh.0=1", "mesh: input should be a valid array"),
        ("mesh=010", "mesh: input should be a valid array; received '010'"),
        ("number=1:30", "number: input should be a valid number; received '1:30'"),
        ("number=2020-01-01", "received '2020-01-01'"),
        ("number=.nan", "number: input should be a finite number"),
        ("text=\ud800", "command line"),
        ("several={x: [1]}", "several.x: input should be a valid number"),
        ("text=" + "[" + "x," * 1000 + "]", "text: input should be a valid string"),
    ],
)
def test_value_that_no_key_takes_is_refused_in_a_line(override, answer):
    with pytest.raises(ConfigError) as caught:
        build_config(Config, {}, [override])
    told = str(caught.value)
    assert answer in told
    assert len(told.splitlines()) == 1
    assert len(told) < 1_000


def test_numbers_are_those_of_json():
    values = yaml_values.parse("[1e-5, 1.5, .5, -3, 1_000, 1E5, +2, 0]")
    assert values == [1e-5, 1.5, 0.5, -3, 1000, 1e5, 2, 0]
    assert [type(v) for v in values] == [float, float, float, int, int, float, int, int]


def test_later_settings_win_and_mappings_are_joined():
    given_values = {"several": {"x": 1, "y": 2}}
    settings_ = ["several.y=3", "several={z: 4}", "several.z=5"]
    config = build_config(Config, given_values, settings_)
    assert config.several == {"x": 1, "y": 3, "z": 5}


words = st.text(max_size=12).filter(
    lambda word: "${" not in word and not any("\ud800" <= c <= "\udfff" for c in word)
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**300), 10**300)
    | st.floats(allow_nan=False)
    | words
    | st.sampled_from(
        ["1e-5", "010", "1:30", "no", "~", "2020-01-01", "<<", "=", "*a"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(words, values, max_size=4))
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read_back(written):
    found = yaml_values.parse(yaml_values.dump(written))
    assert found == written
    assert repr(found) == repr(written)


@given(st.text(alphabet="a1-:[]{}&*!|>%@'\"#,? \n\t${}.~<=", max_size=40))
@settings(max_examples=400, deadline=None)
def test_any_text_is_a_value_or_a_message(text):
    told = "a value"
    try:
        yaml_values.parse(text)
    except ValueError as error:
        told = str(error)
    assert len(told.splitlines()) == 1
