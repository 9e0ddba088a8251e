"""Strict configurations: YAML and dotted overrides into frozen, checked records.

A configuration file holds only what differs from the defaults of its schema. A key that
the schema does not have is an error that names the nearest right ones, wherever it is.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from matjax.errors import ConfigError as ConfigError
from matjax.files import yaml_values

OPTIONS = ("out", "overwrite", "resume", "debug", "distributed")
"""Options of ``matjax run`` that are taken for keys."""


class Section(BaseModel):
    """A frozen group of settings that forbids unknown keys and non-finite numbers.

    A section inside another takes its defaults from its own class
    (``relax: Relax = Relax()``), so that a file may set one of its keys and keep the
    others.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a default that setting one key of the section would forget."""
        super().__pydantic_init_subclass__(**kwargs)
        for name, field in cls.model_fields.items():
            default = field.default
            if isinstance(default, Section) and default != type(default)():
                kind = type(default).__name__
                raise TypeError(
                    f"the default of {cls.__name__}.{name} must be {kind}(); received "
                    f"{default!r}: move these values into the class {kind}"
                )


class ExperimentConfig(Section):
    """What every experiment can be told."""

    seed: int = Field(default=0, ge=0, lt=2**31)
    """Seed of everything random."""
    precision: Literal["float32", "float64"] = "float64"
    """Precision of JAX's default float, set before anything is computed."""


Schema = TypeVar("Schema", bound=Section)


def build_config(
    schema: type[Schema],
    values: Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    source: Path | str = "the configuration",
) -> Schema:
    """The configuration that results from file values and ``key=value`` overrides.

    Args:
        schema: what to fill.
        values: nested mapping, as a YAML file holds it; may be empty.
        overrides: ``dotted.key=value``, the value in YAML syntax.
        source: named in errors about values that no override has set.

    Raises:
        ConfigError: naming each wrong key with the nearest right ones, and each wrong
            value with what it must be.
    """
    data = dict(values)
    for override in overrides:
        data = _merged(data, _parsed(override))
    try:
        text = json.dumps(data)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{source}: {error}") from error
    try:
        # Strict JSON: lists fill tuples, but 1 is not true and "1" is not a number.
        return schema.model_validate_json(text, strict=True)
    except ValidationError as error:
        lines = _complaints(error, schema, data, overrides, source)
        raise ConfigError("\n".join(lines)) from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Content of a YAML file that holds a mapping; empty files hold an empty one.

    Raises:
        ConfigError: if it is not YAML, or not a mapping.
    """
    try:
        # utf-8-sig reads files with and without the mark that some editors put first.
        values = yaml_values.parse(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:  # UnicodeDecodeError is one
        raise ConfigError(f"{path}: a YAML file is needed; {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: a mapping of keys to values is needed")
    return values


def write_yaml(path: Path, values: Mapping[str, Any]) -> None:
    """Writes a mapping as YAML, keys in their order."""
    path.write_text(yaml_values.dump(values), encoding="utf-8")


def nearest(word: str, candidates: Iterable[str]) -> str:
    """A phrase that names the candidates closest to a word, to end an error with."""
    candidates = sorted(set(candidates))
    close = difflib.get_close_matches(word, candidates, n=3, cutoff=0.6)
    if close:
        return _either(close)
    return "there are " + (", ".join(candidates) or "none")


def dotted_keys(schema: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """All keys of a schema, those of its sections as ``section.key``."""
    for name, field in schema.model_fields.items():
        yield prefix + name
        for section in _sections(field.annotation):
            yield from dotted_keys(section, f"{prefix}{name}.")


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _sections(argument)


def _parsed(override: str) -> dict[str, Any]:
    """The mapping that ``dotted.key=value`` stands for."""
    key, equals, text = override.partition("=")
    names = key.split(".")
    if not (equals and all(names)):
        raise ConfigError(
            f"settings are written key=value; received {override!r} "
            "(options such as --out start with two dashes)"
        )
    if len(names) > yaml_values.DEEPEST:
        raise ConfigError(f"command line: no key has {len(names)} parts")
    try:
        value = yaml_values.parse(text)
    except ValueError as error:
        raise ConfigError(f"command line: {override[:200]}: {error}") from error
    for name in reversed(names):
        value = {name: value}
    return value


def _merged(values: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """The values with others in their places, mappings key by key."""
    merged = dict(values)
    for key, value in more.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(old, value) if both else value  # type: ignore[arg-type]
    return merged


def _complaints(
    error: ValidationError,
    schema: type[BaseModel],
    data: Any,
    overrides: Sequence[str],
    source: Path | str,
) -> list[str]:
    """One line for each key that is wrong."""
    details = error.errors(include_url=False)
    keys = [_dotted(d["loc"], data, missing=d["type"] == "missing") for d in details]
    messages: dict[str, list[str]] = {}
    for key, detail in zip(keys, details, strict=True):
        if any(other.startswith(key + ".") for other in keys):
            continue  # a section that could also be a plain value: its keys say more
        if detail["type"] == "extra_forbidden":
            message = f"unknown key {key!r}; {_nearest_key(key, schema)}"
        elif detail["type"] == "missing" and isinstance(detail["loc"][-1], int):
            n_given = len(detail["input"])
            message = f"{key}: more than {n_given} values are needed; received "
            message += _shown(detail["input"])
        elif detail["type"] == "missing":
            message = f"the key {key!r} must be set"
        else:
            message = (
                f"{key}: {_lower(detail['msg'])}; received {_shown(detail['input'])}"
            )
        messages.setdefault(key, []).append(message)
    return [
        f"{_origin(key, overrides, source)}: " + " – or – ".join(dict.fromkeys(lines))
        for key, lines in messages.items()
    ]


def _dotted(location: tuple[int | str, ...], data: Any, *, missing: bool) -> str:
    """Path of an error in the data; pydantic's names of union members are left out."""
    parts = []
    for i, part in enumerate(location):
        inside = isinstance(data, dict) and part in data
        if isinstance(data, list) and isinstance(part, int):
            if part >= len(data):  # too few values: said of all of them
                continue
            inside = True
        if inside:
            data = data[part]  # type: ignore[index]
        elif not (missing and i == len(location) - 1):
            continue
        parts.append(str(part))
    return ".".join(parts)


def _nearest_key(key: str, schema: type[BaseModel]) -> str:
    """Siblings that are spelled alike, or else keys of any section that are."""
    if key in OPTIONS:
        return f"it is an option of the command: --{key}"
    prefix, _, name = key.rpartition(".")
    keys = list(dotted_keys(schema))
    siblings = [k for k in keys if k.rpartition(".")[0] == prefix]
    for places in (siblings, keys):
        names = {k.rpartition(".")[2] for k in places}
        close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
        if close:
            return _either([k for k in places if k.rpartition(".")[2] in close])
    return nearest(key, siblings or keys)


def _either(words: list[str]) -> str:
    return "did you mean " + " or ".join(repr(w) for w in words[:3]) + "?"


def _origin(key: str, overrides: Sequence[str], source: Path | str) -> str:
    for override in overrides:
        given = override.partition("=")[0]
        if (given + ".").startswith(key + ".") or (key + ".").startswith(given + "."):
            return "command line"
    return str(source)


def _lower(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]} …"
