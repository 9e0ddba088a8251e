"""A bound on recursion: text that nests without end is refused, not a crash."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.weights.damaged_files import (
    header,
)


@pytest.mark.parametrize("kind", ["safetensors", "nqx", "json"])
def test_endless_nesting_is_refused_though_a_library_lifts_the_limit(tmp_path, kind):
    """symfc, which phonopy imports, allows 100,000 calls: parsers in C then crash."""
    nested = b"[" * 100_000
    path = tmp_path / f"a.{kind}"
    contents = {"safetensors": header(len(nested), nested), "nqx": nested + b"\n"}
    path.write_bytes(contents.get(kind, b'{"1": ' + nested))
    reader = "read" if kind == "json" else "load_potential"
    code = (
        "import sys; import matjax as mj; sys.setrecursionlimit(100_000)\n"
        f"try: mj.{reader}(sys.argv[1])\n"
        "except ValueError as error: assert sys.argv[1] in str(error)\n"
        "assert sys.getrecursionlimit() == 100_000"
    )
    ended = subprocess.run([sys.executable, "-c", code, path], check=False)
    assert ended.returncode == 0
