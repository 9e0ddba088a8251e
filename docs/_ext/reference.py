"""One page of reference for each package of matjax, found by walking the package.

A package speaks through its ``__init__``: what it imports under its own name, or
defines, is public. The modules of a package whose ``__init__`` exports nothing are
public themselves. Nothing is listed by hand, so that what moves is found again.
"""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from docstrings import with_plain_bars, with_tables
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

PACKAGE = "matjax"
FOLDER = "reference"
PRIVATE = {"__main__", "_bundled"}


class Page(NamedTuple):
    """A module and the names that it offers."""

    module: ModuleType
    names: list[str]

    @property
    def name(self) -> str:
        """Dotted, which is how it is imported."""
        return self.module.__name__

    @property
    def summary(self) -> str:
        """First line of its docstring."""
        return first_line(self.module)


def first_line(thing: Any) -> str:
    """First sentence of a docstring, on one line, without its line breaks."""
    text = (inspect.getdoc(thing) or "").split("\n\n")[0]
    return " ".join(text.split())


def public_names(module: ModuleType) -> list[str]:
    """Names that a module defines, or imports from matjax as itself, in their order."""
    names: list[str] = []
    for node in _statements(ast.parse(inspect.getsource(module)).body):
        match node:
            case ast.ImportFrom(module=str(origin)) if origin.startswith(PACKAGE):
                names += [a.name for a in node.names if a.asname == a.name]
            case ast.FunctionDef() | ast.ClassDef():
                names.append(node.name)
            case ast.Assign(targets=[ast.Name(id=name)]):
                names.append(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.append(name)
    public = [name for name in names if not name.startswith("_")]
    return list(dict.fromkeys(public))


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Those of a module, and those under ``if TYPE_CHECKING:``."""
    for node in body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from node.body
        else:
            yield node


def pages(package: str = PACKAGE) -> Iterator[Page]:
    """Every public module below a package, from the top."""
    for found in pkgutil.iter_modules(import_module(package).__path__):
        if found.name in PRIVATE or found.name.startswith("_"):
            continue
        module = import_module(f"{package}.{found.name}")
        names = public_names(module)
        if names:
            yield Page(module, names)
        if found.ispkg:
            inner = pages(module.__name__)
            yield from (p for p in inner if not names or hasattr(p.module, "__path__"))


def describe(page: Page, name: str, owners: dict[int, str]) -> str:
    """The directive that shows one name with its docstring, or where that stands."""
    thing = getattr(page.module, name)
    target = f"{page.name}.{name}"
    if not _is_defined(thing):
        return _constant(page.module, name)
    if owners[id(thing)] != page.name:
        elsewhere = f"{owners[id(thing)]}.{name}"
        return f"``{name}``\n   See :py:obj:`{elsewhere} <{elsewhere}>`.\n"
    kind = "class" if inspect.isclass(thing) else "function"
    members = "   :members:\n" if inspect.isclass(thing) else ""
    return f".. auto{kind}:: {target}\n{members}"


def _is_defined(thing: Any) -> bool:
    """Whether it is a class or function of the package, with a docstring of its own."""
    home = getattr(thing, "__module__", None) or ""
    is_described = inspect.isclass(thing) or callable(thing)
    return is_described and home.split(".")[0] == PACKAGE


def _constant(module: ModuleType, name: str) -> str:
    """A constant with the text below its definition, wherever that is.

    autodoc would show the docstring of its type instead.
    """
    origin = _origin(module, name)
    comments = ModuleAnalyzer.for_module(origin).find_attr_docs()
    text = with_tables(comments.get(("", name), []))
    body = "\n".join("   " + line for line in text)
    return f".. py:data:: {name}\n\n{body}\n"


def _origin(module: ModuleType, name: str) -> str:
    """The module that defines a name which this one may only import."""
    for node in _statements(ast.parse(inspect.getsource(module)).body):
        if not (isinstance(node, ast.ImportFrom) and node.module):
            continue
        if any(alias.name == name for alias in node.names):
            return _origin(import_module(node.module), name)
    return module.__name__


def owners_of(found: list[Page]) -> dict[int, str]:
    """For each class and function the page that describes it, by identity.

    Of pages that offer the same one, that whose files define it has it.
    """
    owners: dict[int, str] = {}
    for page in found:
        for name in page.names:
            thing = getattr(page.module, name)
            home = getattr(thing, "__module__", None) or ""
            if id(thing) not in owners or f"{home}.".startswith(f"{page.name}."):
                owners[id(thing)] = page.name
    return owners


def page_text(page: Page, owners: dict[int, str]) -> str:
    """Docstring of the module, then every name."""
    lines = [_title(page.name, "="), f".. py:module:: {page.name}", ""]
    lines += [_module_docstring(page.module), ""]
    return "\n".join(lines + [describe(page, name, owners) for name in page.names])


def _module_docstring(module: ModuleType) -> str:
    """Prose as it is, but the list of a package's files as a list of definitions."""
    blocks = (inspect.getdoc(module) or "").split("\n\n")
    blocks = [_listing(block) or "\n".join(with_tables([block])) for block in blocks]
    return "\n\n".join(blocks)


def _listing(block: str) -> str | None:
    """A table of names and what they hold, if every line is one."""
    rows = [re.match(r"(\w[\w, ]*?)\s{2,}(\S.*)", line) for line in block.splitlines()]
    if len(rows) < 2 or None in rows:
        return None
    found = [(f"``{row[1]}``", with_plain_bars(row[2])) for row in rows if row]
    return "\n".join(_table(found))


def index_text(found: list[Page], owners: dict[int, str]) -> str:
    """The names of ``import matjax as mj``, then packages, then single modules."""
    top = import_module(PACKAGE)
    packages = [page for page in found if hasattr(page.module, "__path__")]
    modules = [page for page in found if page not in packages]
    lines = [
        _title("Reference", "="),
        "Names that scripts use come first. Everything else is imported from its",
        "package: ``from matjax.crystals import primitive``.",
        "",
        _title("import matjax as mj", "-"),
        *_table(
            (
                f":py:obj:`mj.{name} <{owners[id(thing)]}.{name}>`",
                with_plain_bars(first_line(thing)),
            )
            for name in public_names(top)
            for thing in [getattr(top, name)]
            if id(thing) in owners
        ),
    ]
    for title, group in (("Packages", packages), ("Modules", modules)):
        if group:
            rows = ((f":doc:`{page.name}`", page.summary) for page in group)
            lines += [_title(title, "-"), *_table(rows), *_toctree(group)]
    return "\n".join(lines)


def _title(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"


def _table(rows: Iterable[tuple[str, str]]) -> list[str]:
    head = [".. list-table::", "   :widths: 32 68", "   :class: names", ""]
    return head + [f"   * - {name}\n     - {text}" for name, text in rows] + [""]


def _toctree(group: list[Page]) -> list[str]:
    names = (f"   {page.name}" for page in group)
    return [".. toctree::", "   :hidden:", "", *names, ""]


def write_pages(app: Sphinx) -> None:
    """Pages that have changed, so that a second build is quick; old ones go."""
    folder = Path(app.srcdir) / FOLDER
    folder.mkdir(exist_ok=True)
    found = list(pages())
    owners = owners_of(found)
    texts = {f"{page.name}.rst": page_text(page, owners) for page in found}
    texts["index.rst"] = index_text(found, owners)
    for path in set(folder.glob("*.rst")) - {folder / name for name in texts}:
        path.unlink()
    for name, text in texts.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Writes the pages before sources are read."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
