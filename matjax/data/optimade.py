"""Structures of databases with an OPTIMADE interface, page by page.

A source is written ``optimade:URL?filter=FILTER``, with the base URL of the database
(without ``/v1/structures``) and the filter as the specification has it, quoted for the
shell::

    matjax predict 'optimade:https://host/path?filter=elements HAS ALL "Si","O"' …

Without ``?filter=`` it is the whole database. Pages have the size that the server
chooses, or that of ``?page_limit=200&filter=…``. See Evans et al. (2024),
doi:10.1039/D4DD00039K. The client is that of optimade-python-tools.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr
from functools import partial
from io import StringIO
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import numpy as np

from matjax.crystals import Crystal
from matjax.crystals.plausibility import require_plausible
from matjax.crystals.species import Species, isotope_symbol, masses_of, species

PREFIX = "optimade:"

FIELDS = (
    *("lattice_vectors", "cartesian_site_positions", "species_at_sites", "species"),
    *("dimension_types", "structure_features"),
)
"""What is asked for of each structure."""

ATTEMPTS = 5
"""Of a request that the server puts off."""

PAUSE = 1.0
"""Seconds before the second attempt, unless the server names some; then doubled."""

LONGEST_PAUSE = 60.0

_SECONDS = 60.0
"""Without an answer, after which a server is given up."""

_PUT_OFF = (429, 502, 503, 504)
_OPEN = {"disorder", "implicit_atoms", "assemblies", "site_attachments"}
"""Features (``structure_features``) of what is no certain crystal."""

_SOURCE = re.compile(
    PREFIX + r"(?P<url>https?://[^?\s]+?)(/v1)?(/structures)?/?"
    r"(\?(page_limit=(?P<page>\d+)&?)?(filter=(?P<filter>.*))?)?",
    re.DOTALL,
)

Given = tuple[Callable[[], Crystal], Mapping[str, Any]]


class Query(NamedTuple):
    """What is asked of which database."""

    url: str
    """Base URL, without version."""
    filter: str
    """Empty for all structures."""
    page_limit: int | None
    """Structures of a page; the server's own choice if None."""


def parsed_query(source: str) -> Query:
    """The query that a source names.

    Raises:
        ValueError: if it is written otherwise than this module says.
    """
    match = _SOURCE.fullmatch(source)
    if match is None:
        raise ValueError(
            "a query is written 'optimade:https://host/path?filter=FILTER'; received "
            f"{source!r}"
        )
    page = int(match["page"]) if match["page"] else None
    return Query(match["url"], unquote(match["filter"] or "").strip(), page)


def optimade_structures(query: Query, references: Sequence[str]) -> Iterator[Given]:
    """For each structure what makes its crystal, and its properties by name.

    The first page is asked for at once, the others as structures are taken.

    Args:
        query: of one database.
        references: properties that are asked for as well.

    Raises:
        ImportError: if the package ``optimade`` is not installed.
        ValueError: if the filter is none, or the server refuses it.
        ConnectionError: if the server is not reached or does not answer.
    """
    _require_filter(query.filter)
    pages = _pages(query, references)
    first = next(pages, [])
    return _structures(first, pages)


def _structures(
    first: list[dict[str, Any]], pages: Iterator[list[dict[str, Any]]]
) -> Iterator[Given]:
    page: list[dict[str, Any]] | None = first
    while page is not None:
        for given in page:
            attributes = given.get("attributes") or {}
            yield partial(_crystal, attributes), {**attributes, "id": given.get("id")}
        page = next(pages, None)


def _pages(query: Query, references: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    client = _client(query)
    following, seen = None, set()
    while following not in seen:
        seen.add(following)
        # The client writes of errors, which it notes as well, though told to be silent.
        with redirect_stderr(StringIO()):
            answers = client.get_one(
                "structures",
                quote(query.filter),
                query.url,
                response_fields=[*FIELDS, *references],
                page_limit=query.page_limit,
                paginate=False,
                override_url=following,
            )
        answer = answers[query.url]
        if answer.errors:
            raise _failure(query, answer.errors[0])
        yield answer.data
        following = answer.links.get("next")
        if isinstance(following, Mapping):
            following = following.get("href")
        if not following:
            return
        time.sleep(min(answer.meta.get("request_delay") or 0, LONGEST_PAUSE))
    raise ConnectionError(f"{query.url} names one page twice: {following}")


def _client(query: Query) -> Any:
    from optimade.client import OptimadeClient
    from requests import Response, Session

    class PatientSession(Session):
        """Asks again when the server says that it is busy."""

        def get(self, url: str | bytes, **options: Any) -> Response:  # type: ignore[override]
            pause = PAUSE
            for _ in range(ATTEMPTS):
                response = super().get(url, **options)
                if response.status_code not in _PUT_OFF:
                    return response
                wanted = response.headers.get("Retry-After", "")
                time.sleep(
                    min(int(wanted) if wanted.isdecimal() else pause, LONGEST_PAUSE)
                )
                pause *= 2
            raise ConnectionError(
                f"busy after {ATTEMPTS} attempts ({response.status_code})"
            )

    return OptimadeClient(
        base_urls=query.url,
        # Its "unlimited" fails where a server does not say how many there are.
        max_results_per_provider=2**31,
        use_async=False,
        silent=True,
        http_client=PatientSession,
        http_timeout=_SECONDS,
    )


def _require_filter(filter: str) -> None:
    try:
        import optimade.client  # noqa: F401
        from optimade.exceptions import BadRequest
        from optimade.filterparser import LarkParser
    except ImportError as error:
        raise ImportError(
            "a query of a database with an OPTIMADE interface needs the optional "
            "package optimade: install it with `pip install 'matjax[optimade]'`"
        ) from error
    if not filter:
        return
    try:
        LarkParser().parse(filter)
    except BadRequest as error:
        raise ValueError(
            'the filter must be one of OPTIMADE, such as elements HAS ALL "Si","O" '
            f"AND nelements=2; received {filter!r}: "
            + " ".join(str(error.detail).split())
        ) from error


def _failure(query: Query, error: Any) -> Exception:
    """The error that the client noted, as text that begins with its class."""
    text = " ".join(str(error).split())
    kind, _, rest = text.partition(": ")
    if kind == "RuntimeError":  # the client's for an answer that it has
        said = re.sub(r" - \S+:", ":", rest, count=1)  # without the whole address
        return ValueError(f"{query.url} refuses the query: {said}")
    caused = re.search(r"\(Caused by (.*)\)$", text)
    return ConnectionError(
        f"{query.url} must be a database with an OPTIMADE interface that can be "
        f"reached: {caused[1] if caused else text}"
    )


def _crystal(attributes: Mapping[str, Any]) -> Crystal:
    """The crystal of a structure's attributes.

    Raises:
        ValueError: if they leave something open: disorder, atoms without a place, a
            site that holds more than one atom.
    """
    open_ = sorted(_OPEN.intersection(attributes.get("structure_features") or ()))
    if open_:
        raise ValueError(f"every site must hold one certain atom; it has {open_}")
    try:
        by_name = {given["name"]: given for given in attributes["species"]}
        kinds = [_species(by_name[name]) for name in attributes["species_at_sites"]]
        crystal = Crystal.create(
            [kind.number for kind in kinds],
            np.array(attributes["lattice_vectors"], dtype=np.float64),
            positions=np.array(attributes["cartesian_site_positions"], np.float64),
            pbc=[bool(x) for x in attributes.get("dimension_types") or (1, 1, 1)],
            masses=masses_of(kinds),
        )
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(
            f"a structure needs all of {', '.join(FIELDS[:4])}, as the specification "
            f"has them; here: {type(error).__name__} {error}"
        ) from error
    require_plausible(crystal)
    return crystal


def _species(given: Mapping[str, Any]) -> Species:
    """The one element of a species, or its isotope."""
    symbols, shares = given["chemical_symbols"], given["concentration"]
    is_whole = len(symbols) == 1 and abs(float(shares[0]) - 1) < 1e-6
    if not is_whole or given.get("attached"):
        raise ValueError(
            "every site must be fully occupied by one element; received "
            f"{dict(zip(symbols, shares, strict=False))}: choose an ordered "
            "arrangement first"
        )
    kind = species(symbols[0])
    mass = (given.get("mass") or [None])[0]
    return kind if mass is None else species(isotope_symbol(kind.number, float(mass)))
