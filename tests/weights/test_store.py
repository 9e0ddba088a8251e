"""Finding weights: folders, cache, and downloads from a server on this machine."""

import hashlib
import http.server
import threading

import pytest

from matjax.weights import Published, find, pretrained
from matjax.weights.store import fetch

BYTES = b"weights" * 1000


@pytest.fixture
def server(tmp_path):
    """A server of one file on the loopback interface."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path != "/small.nqx":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(BYTES)))
            self.end_headers()
            self.wfile.write(BYTES)

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("MATJAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MATJAX_MODELS", str(tmp_path / "named"))


def published(url: str, content: bytes = BYTES) -> Published:
    return Published("small.nqx", url, hashlib.sha256(content).hexdigest())


def test_file_is_downloaded_once_into_the_cache(server, tmp_path):
    path = fetch(published(f"{server}/small.nqx"))
    assert path == tmp_path / "cache" / "models" / "small.nqx"
    assert path.read_bytes() == BYTES
    # The second time no server is asked: this address has none.
    assert fetch(published("http://127.0.0.1:9/small.nqx")) == path


def test_wrong_checksum_keeps_nothing(server, tmp_path):
    with pytest.raises(ValueError, match="SHA-256 must be"):
        fetch(published(f"{server}/small.nqx", content=b"other"))
    assert list((tmp_path / "cache" / "models").iterdir()) == []


def test_without_a_network_the_error_says_where_the_file_may_be_put(tmp_path):
    with pytest.raises(FileNotFoundError, match="MATJAX_MODELS") as error:
        fetch(published("http://127.0.0.1:9/small.nqx"))
    assert str(tmp_path / "named") in str(error.value)
    assert "could not be downloaded" in str(error.value)


def test_missing_page_is_an_error_not_a_file(server, tmp_path):
    with pytest.raises(FileNotFoundError, match="404"):
        fetch(published(f"{server}/absent.nqx"))
    assert list((tmp_path / "cache" / "models").iterdir()) == []


def test_named_folders_come_before_the_cache(tmp_path):
    for folder in ("named", "cache/models"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "small.nqx").write_bytes(folder.encode())
    assert find(published("")).read_bytes() == b"named"


def test_every_published_file_has_a_checksum_and_a_pinned_address():
    for name, entry in pretrained(Published).items():
        assert entry.file == f"{name}.nqx"
        assert len(entry.sha256) == 64
        assert entry.url.startswith("https://")
