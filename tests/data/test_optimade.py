"""Databases with an OPTIMADE interface, asked over the loopback page by page."""

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from ase.build import bulk
from numpy.testing import assert_allclose

from matjax.data import entries, optimade
from matjax.data.optimade import Query, parsed_query

SILICON = {
    "lattice_vectors": [[0, 2.715, 2.715], [2.715, 0, 2.715], [2.715, 2.715, 0]],
    "cartesian_site_positions": [[0, 0, 0], [1.3575, 1.3575, 1.3575]],
    "species_at_sites": ["Si", "Si"],
    "species": [{"name": "Si", "chemical_symbols": ["Si"], "concentration": [1.0]}],
    "dimension_types": [1, 1, 1],
    "structure_features": [],
}


def species(**changes):
    return SILICON | {"species": [SILICON["species"][0] | changes]}


class Database:
    """A server that answers as the specification has it, with what a test sets."""

    def __init__(self) -> None:
        self.structures = [SILICON] * 5
        self.asked: list[dict[str, list[str]]] = []
        self.busy = 0
        """Requests that are put off."""
        self.loops = False
        self.refuses_from = 10**6
        """Place of the first structure of a page that is refused."""
        database = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(*database.answer(self.path))

            def answer(self, status, content):
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Retry-After", "0")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/mine"
        serve = partial(self.server.serve_forever, poll_interval=0.01)
        threading.Thread(target=serve, daemon=True).start()

    def answer(self, path):
        parts = urlsplit(path)
        asked = parse_qs(parts.query)
        self.asked.append(asked)
        if self.busy > 0:
            self.busy -= 1
            return 429, {"errors": [{"title": "busy", "detail": "later"}]}
        first = int(asked.get("page_offset", ["0"])[0])
        if parts.path != "/mine/v1/structures" or first >= self.refuses_from:
            return 403, {"errors": [{"title": "Forbidden", "detail": "not for you"}]}
        size = int(asked.get("page_limit", ["2"])[0])
        page = [
            {"id": f"m-{first + i}", "type": "structures", "attributes": attributes}
            for i, attributes in enumerate(self.structures[first : first + size])
        ]
        following = first + (0 if self.loops else size)
        more = following < len(self.structures)
        address = f"{self.url}/v1/structures?page_offset={following}"
        links = {"next": {"href": address} if more else None}
        return 200, {"data": page, "links": links, "meta": {}}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    """What is asked of the loopback stays there, whatever the machine is set to."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,host.invalid")


@pytest.fixture
def database(monkeypatch):
    pytest.importorskip("optimade.client", reason="needs optimade")
    monkeypatch.setattr(optimade, "PAUSE", 0.01)
    database = Database()
    yield database
    database.server.shutdown()
    database.server.server_close()


def found(database, query="", **references):
    return list(entries(f"optimade:{database.url}{query}", **references))


def test_query_is_written_as_one_types_it():
    address = "https://host.org/a"
    assert parsed_query(f"optimade:{address}") == Query(address, "", None)
    full = f'optimade:{address}/v1/structures?filter=elements HAS "Si" AND x="a&b?"'
    assert parsed_query(full) == Query(address, 'elements HAS "Si" AND x="a&b?"', None)
    pasted = f"optimade:{address}/?page_limit=50&filter=nelements%3D2"
    assert parsed_query(pasted) == Query(address, "nelements=2", 50)
    for wrong in ("host.org", "ftp://host/a", f"{address}?nelements=2", ""):
        with pytest.raises(ValueError, match="is written 'optimade:https://"):
            parsed_query(f"optimade:{wrong}")


def test_pages_are_asked_for_as_structures_are_taken(database):
    stream = entries(f'optimade:{database.url}?filter=elements HAS "Si&#%2B"')
    assert [asked["filter"] for asked in database.asked] == [['elements HAS "Si&#+"']]
    first = next(stream)
    assert (first.key, first.source) == ("m-0", f"{database.url}#0")
    assert first.crystal.symbols == ["Si", "Si"]
    assert_allclose(first.crystal.cell, SILICON["lattice_vectors"])
    assert_allclose(first.crystal.fractional[1], [0.25] * 3, atol=1e-12)
    assert len(database.asked) == 1
    assert [entry.key for entry in stream] == ["m-1", "m-2", "m-3", "m-4"]
    assert len(database.asked) == 3


def test_references_and_pages_are_asked_for(database):
    database.structures = [SILICON | {"_m_gap": 0.6}, SILICON]
    first, second = found(database, "?page_limit=5", references=["_m_gap"])
    assert (first.references, second.references) == ({"_m_gap": 0.6}, {})
    [asked] = database.asked
    assert asked["page_limit"] == ["5"]
    assert set(asked["response_fields"][0].split(",")) == {*optimade.FIELDS, "_m_gap"}


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (SILICON | {"structure_features": ["disorder"]}, r"\['disorder'\]"),
        (SILICON | {"structure_features": ["assemblies"]}, r"\['assemblies'\]"),
        (species(concentration=[0.9]), "fully occupied"),
        (species(chemical_symbols=["Si", "vacancy"]), "fully occupied"),
        (species(chemical_symbols=["X"]), "known element"),
        (species(attached=["H"], nattached=[1]), "fully occupied"),
        (species(name="other"), "KeyError 'Si'"),
        (SILICON | {"lattice_vectors": None}, "cell"),
        (SILICON | {"lattice_vectors": [[None] * 3, [1, 0, 0], [0, 1, 0]]}, "finite"),
        (SILICON | {"cartesian_site_positions": [[0, 0, 0]] * 2}, "apart"),
        (SILICON | {"cartesian_site_positions": [[0, 0, 0]]}, "shape"),
        ({}, "needs all of lattice_vectors"),
    ],
)
def test_what_is_no_certain_crystal_is_refused_alone(database, attributes, message):
    database.structures = [SILICON, attributes, SILICON]
    first, bad, last = found(database)
    assert first.crystal.n_atoms == last.crystal.n_atoms == 2
    assert bad.key == "m-1"
    with pytest.raises(ValueError, match=message):
        raise ValueError(bad.refusal)


def test_slabs_and_isotopes_are_kept(database):
    heavy = species(chemical_symbols=["H"], mass=[2.014])
    database.structures = [SILICON | {"dimension_types": [1, 1, 0]}, heavy]
    slab, deuterium = found(database)
    assert slab.crystal.pbc == (True, True, False)
    assert_allclose(deuterium.crystal.masses, 2.014, atol=1e-3)


def test_server_that_is_busy_is_asked_again(database):
    database.busy = optimade.ATTEMPTS - 1
    assert len(found(database)) == 5
    database.busy = optimade.ATTEMPTS
    with pytest.raises(ConnectionError, match=r"busy after 5 attempts \(429\)"):
        found(database)


def test_errors_before_the_first_structure_are_raised(database, capfd):
    with pytest.raises(ValueError, match="the filter must be one of OPTIMADE"):
        found(database, "?filter=elements HAS")
    assert database.asked == []
    with pytest.raises(ConnectionError, match=r"that can be reached: .*refused"):
        entries("optimade:http://127.0.0.1:1/x")
    with pytest.raises(ConnectionError, match="that can be reached"):
        entries("optimade:http://host.invalid/x")
    database.refuses_from = 0
    with pytest.raises(ValueError, match="refuses the query: 403: Forbidden: not for"):
        found(database)
    assert capfd.readouterr() == ("", "")


def test_error_after_some_structures_is_the_last_entry(database):
    database.refuses_from = 2
    *good, last = found(database)
    assert [entry.refusal for entry in good] == ["", ""]
    assert (last.crystal, last.source) == (None, f"{database.url}#2")
    assert "refuses the query: 403" in last.refusal


def test_pages_in_a_circle_come_to_an_end(database):
    database.loops = True
    last = found(database)[-1]
    assert "names one page twice" in last.refusal


def test_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "optimade.client", None)
    with pytest.raises(ImportError, match=r"pip install 'matjax\[optimade\]'"):
        entries("optimade:http://127.0.0.1:1/x")


def test_server_of_the_reference_implementation_is_understood(tmp_path):
    pytest.importorskip("optimade.client", reason="needs optimade")
    for package in ("uvicorn", "mongomock", "fastapi"):
        pytest.importorskip(package, reason="needs optimade[server]")
    lines = [{"x-optimade": {"meta": {"api_version": "1.1.0"}}}]
    crystals = {"si": bulk("Si"), "mgo": bulk("MgO", "rocksalt", 4.2), "cu": bulk("Cu")}
    for key, atoms in crystals.items():
        symbols = sorted(set(atoms.symbols))
        attributes = SILICON | {
            "lattice_vectors": atoms.cell.tolist(),
            "cartesian_site_positions": atoms.positions.tolist(),
            "species_at_sites": list(atoms.symbols),
            "species": [
                {"name": s, "chemical_symbols": [s], "concentration": [1.0]}
                for s in symbols
            ],
            "elements": symbols,
            "nelements": len(symbols),
            "nsites": len(atoms),
            "elements_ratios": [1 / len(symbols)] * len(symbols),
            "last_modified": {"$date": "2024-01-01T00:00:00Z"},
            "gap": 1.5,
        }
        lines.append({"id": key, "type": "structures", "attributes": attributes})
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = Path(__file__).with_name("optimade_server.py")
    server = subprocess.Popen([sys.executable, str(script), str(path), str(port)])
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/versions")
        every = {entry.key: entry for entry in entries(f"optimade:{url}")}
        assert every.keys() == crystals.keys()
        for key, atoms in crystals.items():
            assert_allclose(every[key].crystal.cell, atoms.cell.array)
            assert every[key].crystal.symbols == list(atoms.symbols)
        query = f'optimade:{url}?filter=elements HAS ALL "Mg","O" AND nelements=2'
        [entry] = entries(query, references=["_mine_gap"])
        assert (entry.key, entry.references) == ("mgo", {"_mine_gap": 1.5})
        with pytest.raises(ValueError, match="400: Bad Request: 'foo' is not a known"):
            entries(f"optimade:{url}?filter=foo=2")
        assert np.all([e.refusal == "" for e in every.values()])
    finally:
        server.terminate()
        server.wait()


def _wait_for(address):
    for _ in range(300):
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(address)
