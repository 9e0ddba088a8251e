"""The digest of the source files."""

from matjax import source


def test_the_digest_changes_with_names_and_contents(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "PACKAGE", tmp_path)

    def digest() -> str:
        source.source_digest.cache_clear()
        return source.source_digest()

    (tmp_path / "a.py").write_text("x = 1\n")
    one = digest()
    assert digest() == one
    (tmp_path / "a.py").write_text("x = 2\n")
    two = digest()
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    three = digest()
    assert len({one, two, three}) == 3
    source.source_digest.cache_clear()
