"""Potentials known by name."""

from __future__ import annotations

import json

import pytest

from matjax.weights import (
    PRETRAINED,
    Shipped,
    pretrained,
)


@pytest.mark.parametrize("name", pretrained(Shipped))
def test_files_of_the_package_carry_a_digest(name):
    content = PRETRAINED[name].path.read_bytes()
    text = content[8 : 8 + int.from_bytes(content[:8], "little")]
    assert len(json.loads(text)["__metadata__"]["sha256"]) == 64
