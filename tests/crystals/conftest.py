"""What tests of CIF files share."""

import pytest

from matjax.crystals import read


@pytest.fixture
def load(tmp_path):
    def load(text, **options):
        path = tmp_path / "x.cif"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read(path, **options)

    return load
