"""The README begins with what a first user does, and points to what there is."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_first_code_block_holds_the_two_commands():
    block = README.split("```")[1]
    assert "pip install -e . && matjax run configs/phonons/silicon.yaml" in block
    assert "pip install -e '.[test]' && pytest -n auto" in block


def test_readme_is_short():
    assert len(README.splitlines()) <= 150


def test_links_lead_to_files():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).is_file(), target
