"""Potentials known by name."""

from __future__ import annotations

import json

import pytest

from matjax.weights import (
    SHIPPED,
)


@pytest.mark.parametrize("name", SHIPPED)
def test_files_of_the_package_carry_a_digest(name):
    content = SHIPPED[name].read_bytes()
    text = content[8 : 8 + int.from_bytes(content[:8], "little")]
    assert len(json.loads(text)["__metadata__"]["sha256"]) == 64
