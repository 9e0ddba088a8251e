"""Configurations: what is merged, and how wrong keys and values are answered."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field, ValidationError

from matjax.config import (
    ConfigError,
    ExperimentConfig,
    Section,
    build_config,
    nearest,
    read_yaml,
)


class Relax(Section):
    fmax: float = Field(1e-3, gt=0)
    cell: bool = True
    method: Literal["fire", "lbfgs"] = "fire"


class Config(ExperimentConfig):
    crystal: str
    mesh: tuple[int, int, int] = (8, 8, 8)
    relax: Relax = Relax()
    cutoff: float | None = None
    start: str | Relax = "none"


def build(*overrides: str, **values) -> Config:
    return build_config(Config, values, overrides, source="study.yaml")


def test_overrides_win_over_file_and_file_over_defaults():
    config = build(
        "relax.fmax=1e-5", crystal="Si", seed=3, relax={"fmax": 0.1, "cell": False}
    )
    assert config.seed == 3
    assert config.precision == "float64"
    assert config.relax == Relax(fmax=1e-5, cell=False)


def test_override_of_one_key_keeps_the_others_of_its_section():
    assert build("relax.cell=false", crystal="Si").relax == Relax(cell=False)


def test_values_of_overrides_are_yaml():
    config = build("crystal=a=b.cif", "mesh=[2,3,4]", "cutoff=1e1", "seed=7")
    assert config.crystal == "a=b.cif"
    assert config.mesh == (2, 3, 4)
    assert config.cutoff == 10
    assert build("cutoff=null", crystal="Si", cutoff=5.0).cutoff is None


@pytest.mark.parametrize(
    ("override", "answer"),
    [
        ("cristal=x", "command line: unknown key 'cristal'; did you mean 'crystal'"),
        ("relax.fmx=1", "unknown key 'relax.fmx'; did you mean 'relax.fmax'"),
        ("fmax=1", "unknown key 'fmax'; did you mean 'relax.fmax'"),
        ("qqq=1", "unknown key 'qqq'; there are crystal, cutoff, mesh, precision"),
        ("out=here", "unknown key 'out'; it is an option of the command: --out"),
        ("start.fmx=1", "command line: unknown key 'start.fmx'; did you mean"),
        ("relax.fmax=-1", "command line: relax.fmax: input should be greater than 0"),
        ("relax.fmax=.inf", "relax.fmax: input should be a finite number"),
        ("relax.cell=1", "relax.cell: input should be a valid boolean; received 1"),
        ("relax.method=cg", "input should be 'fire' or 'lbfgs'; received 'cg'"),
        ("relax=4", "relax: input should be an object; received 4"),
        ("seed='5'", "seed: input should be a valid integer; received '5'"),
        ("seed=true", "seed: input should be a valid integer; received True"),
        ("mesh=4", "mesh: input should be a valid array; received 4"),
        ("mesh=[1,2,x]", "mesh.2: input should be a valid integer; received 'x'"),
        ("mesh=[1,2", "expected ',' or ']'"),
        ("crystal=${nowhere}", "interpolations (${...}) are not resolved"),
        ("=1", "settings are written key=value; received '=1'"),
        ("crystal", "settings are written key=value; received 'crystal'"),
    ],
)
def test_wrong_override_is_answered_with_what_is_right(override, answer):
    with pytest.raises(ConfigError) as caught:
        build(override, crystal="Si")
    assert answer in str(caught.value)


def test_section_that_could_be_a_plain_value_is_answered_by_its_keys():
    with pytest.raises(ConfigError) as caught:
        build("start.fmax=-1", crystal="Si")
    assert str(caught.value) == (
        "command line: start.fmax: input should be greater than 0; received -1"
    )


def test_plain_value_replaces_a_section():
    assert build("start=x.cif", crystal="Si", start={"fmax": 1.0}).start == "x.cif"


def test_wrong_key_of_a_file_is_answered_with_the_file():
    with pytest.raises(ConfigError, match=r"^study\.yaml: unknown key 'relax\.fmx'"):
        build(crystal="Si", relax={"fmx": 0.1})


def test_all_wrong_keys_are_named_at_once():
    with pytest.raises(ConfigError) as caught:
        build("mash=1", relax={"cel": True})
    text = str(caught.value)
    assert "study.yaml: the key 'crystal' must be set" in text
    assert "command line: unknown key 'mash'; did you mean 'mesh'?" in text
    assert "study.yaml: unknown key 'relax.cel'; did you mean 'relax.cell'?" in text


def test_configurations_cannot_be_changed():
    config = build(crystal="Si")
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 1  # type: ignore[misc]


def test_default_that_an_override_would_forget_is_refused():
    with pytest.raises(TypeError, match=r"default of Wrong\.relax must be Relax\(\)"):

        class Wrong(ExperimentConfig):
            relax: Relax = Relax(fmax=1.0)


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b"a: [1", "a YAML file is needed"),
        (b"a: 1\na: 2", "duplicate"),
        (b"- 1\n- 2", "a mapping of keys to values is needed"),
        (b"just words", "a mapping of keys to values is needed"),
        (b"\xff\xfe\x00", "a YAML file is needed"),
    ],
)
def test_file_that_is_no_configuration_is_named(tmp_path, content, answer):
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"bad\.yaml") as caught:
        read_yaml(path)
    assert answer in str(caught.value)


def test_empty_file_holds_the_defaults(tmp_path):
    path = tmp_path / "empty.yaml"
    path.write_text("# nothing\n")
    assert read_yaml(path) == {}


def test_nearest_names_all_when_none_is_close():
    assert nearest("silcon", ["silicon", "copper"]) == "did you mean 'silicon'?"
    assert nearest("x", ["silicon", "copper"]) == "there are copper, silicon"
    assert nearest("x", []) == "there are none"
