"""Downloads are whole and right, or nothing is kept."""

import hashlib

import pytest

from matjax.files import download

BYTES = b"structures" * 1000
RIGHT = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture
def url(tmp_path):
    (tmp_path / "there.json").write_bytes(BYTES)
    return (tmp_path / "there.json").as_uri()


def test_a_file_appears_when_its_checksum_is_right(url, tmp_path):
    target = tmp_path / "new" / "here.json"
    download(url, target, RIGHT)
    assert target.read_bytes() == BYTES


def test_another_content_is_refused_and_not_kept(url, tmp_path):
    target = tmp_path / "here.json"
    with pytest.raises(ValueError, match="the SHA-256 must be 0"):
        download(url, target, "0" * 64)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["there.json"]


def test_an_address_without_a_file_is_an_error_of_the_system(tmp_path):
    with pytest.raises(OSError, match=r"none\.json"):
        download((tmp_path / "none.json").as_uri(), tmp_path / "x", RIGHT)
