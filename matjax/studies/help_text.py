"""The keys of a study: names, kinds, defaults and what its source says of them."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from matjax.config import ExperimentConfig, Section
from matjax.files import yaml_values


class Entry(NamedTuple):
    """What there is to know of one key."""

    key: str
    kind: str
    default: str
    """As YAML or Python write it; empty if the key must be set."""
    text: str
    """What the source says of it, in one line."""


def entries(schema: type[BaseModel], prefix: str = "") -> Iterator[Entry]:
    """The keys of a schema in order, those of its sections as ``section.key``."""
    said = _documents(schema)
    for name, field in schema.model_fields.items():
        section = _section(field)
        if section is None:
            default = "" if field.is_required() else _default(field)
            kind = _kind(field)
            yield Entry(prefix + name, kind, default, said.get(name, ""))
        else:
            yield from entries(section, f"{prefix}{name}.")


def manual(
    schema: type[ExperimentConfig], title: str, values: Mapping[str, Any]
) -> str:
    """Text that lists the keys of a study, those of every study last.

    Args:
        schema: of the study.
        title: what it does.
        values: what a configuration of it sets.
    """
    common = ExperimentConfig.model_fields.keys()
    lines = [title, "", "Keys, written key=value; values are YAML:", ""]
    for entry in sorted(entries(schema), key=lambda entry: entry.key in common):
        default = f" = {entry.default}" if entry.default else "  (must be set)"
        lines.append(f"  {entry.key}: {entry.kind}{default}")
        margin = " " * 6
        lines += textwrap.wrap(
            entry.text, 84, initial_indent=margin, subsequent_indent=margin
        )
    if values:
        text = yaml_values.dump(values).rstrip()
        lines += ["", "This configuration sets:", "", textwrap.indent(text, "  ")]
    return "\n".join(lines) + "\n"


def _section(field: FieldInfo) -> type[BaseModel] | None:
    """The section that a key holds and nothing else, if it does."""
    kind = field.annotation
    if isinstance(kind, type) and issubclass(kind, Section):
        return kind
    return None


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "a section of its own keys"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return value or "''"
    return str(list(value)) if isinstance(value, tuple) else str(value)


def _kind(field: FieldInfo) -> str:
    """Type and bounds of a key, without the names of modules."""
    kind: Any = field.annotation
    text = kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)
    text = re.sub(r"typing\.|\b[a-zA-Z_]\w*\.(?=[A-Za-z_])", "", text)
    text = re.sub(r"Annotated\[(\w+), [^\]]*\]", r"\1", text)
    text = re.sub(r"Literal\[(.*?)\]", r"\1", text)
    bounds = [
        f"{sign} {getattr(rule, name):g}"
        for rule in field.metadata
        for name, sign in (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤"))
        if hasattr(rule, name)
    ]
    return ", ".join([text, *bounds])


def _documents(schema: type[BaseModel]) -> dict[str, str]:
    """What stands below each attribute of a class and of those it inherits from."""
    said: dict[str, str] = {}
    for kind in reversed(schema.__mro__):
        if isinstance(kind, type) and issubclass(kind, Section) and kind is not Section:
            said |= _of_class(kind)
    return said


def _of_class(kind: type) -> dict[str, str]:
    """Attributes of a class and the text that follows each in its source."""
    file = sys.modules[kind.__module__].__file__
    with open(str(file), encoding="utf-8") as stream:
        tree = ast.parse(stream.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == kind.__name__:
            pairs = zip(node.body, node.body[1:], strict=False)
            return {
                ast.unparse(field.target): " ".join(inspect.cleandoc(text).split())
                for field, after in pairs
                if isinstance(field, ast.AnnAssign) and (text := _text(after))
            }
    return {}


def _text(node: ast.stmt) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return node.value.value if isinstance(node.value.value, str) else ""
    return ""
