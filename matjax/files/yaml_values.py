"""Values of YAML text: mappings, lists, text, numbers, yes and no, and nothing else.

A configuration may come from anybody. What YAML could do beyond writing values down is
refused before it is done: tags that build objects, aliases that make a gigabyte of a
line, nesting without end, keys twice, and interpolations as OmegaConf and Hydra have
them. Numbers are those of JSON: ``1e-5`` is one, ``010`` and ``1:30`` are not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

DEEPEST = 20
"""Levels of nesting; configurations have four."""

LONGEST = 1_000_000
"""Characters of a text."""

_NUMBERS = {
    "tag:yaml.org,2002:int": r"[-+]?(?:0|[1-9][0-9_]*)",
    "tag:yaml.org,2002:float": r"""[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?
        |[0-9][0-9_]*[eE][-+]?[0-9]+
        |\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?
        |\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)""",
}
_TEXT = "tag:yaml.org,2002:str"


class _Loader(yaml.SafeLoader):
    """Values alone; a key twice is an error."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        values: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _error(f"keys are text; received {key!r}: quote it", key_node)
            if key in values:
                raise _error(f"duplicate key {key!r}", key_node)
            values[key] = self.construct_object(value_node, deep=deep)
        return values


class _Dumper(yaml.SafeDumper):
    """Quotes what :class:`_Loader` would not read as text; makes no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        # Without quotes PyYAML breaks lines at these, and reads blanks.
        style = '"' if any(c in data for c in "\x85\u2028\u2029") else None
        return self.represent_scalar(_TEXT, data, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)


def _resolvers() -> dict[str | None, list[tuple[str, re.Pattern]]]:
    """How plain words are told from numbers, by first character."""
    kept = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:null")
    resolvers: dict[Any, list[tuple[str, re.Pattern]]] = {
        first: [(tag, pattern) for tag, pattern in pairs if tag in kept]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    for tag, pattern in _NUMBERS.items():
        for first in "-+.0123456789":
            whole = re.compile(f"^(?:{pattern})$", re.VERBOSE)
            resolvers.setdefault(first, []).append((tag, whole))
    return resolvers


_Loader.yaml_implicit_resolvers = _resolvers()
_Dumper.yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


def parse(text: str) -> Any:
    """The value that a text holds; None for an empty one.

    Raises:
        ValueError: in one line, with the number of the line where that is known.
    """
    if len(text) > LONGEST:
        raise ValueError(f"it has {len(text)} characters; {LONGEST} are the most")
    try:
        _require_plain(text)
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        line = f" in line {at.line + 1}" if at else ""
        raise ValueError(f"{error.problem or error.context}{line}") from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


def dump(values: Mapping[str, Any]) -> str:
    """YAML that :func:`parse` reads back, keys in their order."""
    return yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _require_plain(text: str) -> None:
    """Refuse what could do harm when it is loaded; nothing is loaded for that."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise _error("aliases (*name) are not taken; repeat the value", event)
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            raise _error("anchors (&name) are not taken; repeat the value", event)
        tag = getattr(event, "tag", None)
        if tag not in (None, "!", _TEXT):
            raise _error(f"tags are not taken; received {tag}", event)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise _error(f"it is nested deeper than {DEEPEST} levels", event)
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if isinstance(event, yaml.ScalarEvent):
            _require_plain_word(event)


def _require_plain_word(event: yaml.ScalarEvent) -> None:
    if "${" in event.value:
        raise _error(
            "interpolations (${...}) are not resolved; write the value itself", event
        )
    if any("\ud800" <= letter <= "\udfff" for letter in event.value):
        raise _error("text must be valid UTF-8", event)
    if len(event.value) > 1000 and event.value.strip("+-_0123456789") == "":
        raise _error("a number of more than 1000 digits is not taken", event)


def _error(problem: str, at: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)
