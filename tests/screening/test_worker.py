"""A batch on a worker: one crystal that fails leaves the others alone."""

import pytest

from matjax.crystals import Crystal, crystal_from_json, crystal_to_json
from matjax.screening.worker import compute
from tests.screening.crystals import batch, silicon

CODE = """
from matjax.screening import Missing, column

@column()
def fragile(batch):
    if any(c.n_atoms == 2 and c.volume > 41 for c in batch.given):
        raise RuntimeError("too large")
    return [1.0] * len(batch)

@column()
def odd(batch):
    return [float("nan")] + [Missing("for a reason")] * (len(batch) - 1)

@column()
def short(batch):
    return []
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(CODE)
    return path


def settings(*columns):
    return {**batch().settings.plain(), "columns": list(columns), "source": "test"}


def test_each_crystal_has_its_answer():
    copper = Crystal.create([29], 3.6 * silicon().cell / 5.45, fractional=[[0, 0, 0]])
    close = silicon().replace(fractional=0 * silicon().fractional)
    items = [crystal_to_json(c) for c in (silicon(), copper, close, silicon(5.5))]
    one, other, third, last = compute(items, settings("energy", "volume"))
    assert one["values"]["converged"] is True
    assert one["values"]["energy_eV_per_atom"] == pytest.approx(-4.3363, abs=1e-3)
    assert crystal_from_json(one["crystal"]).n_atoms == 2
    assert last["failures"] == {}
    assert "Cu" in other["failure"]
    assert "duplicate site" in third["failure"]


def test_a_column_that_fails_is_asked_of_each_crystal_alone(mine):
    items = [crystal_to_json(c) for c in (silicon(), silicon(5.5))]
    names = [f"{mine}:{name}" for name in ("fragile", "odd", "short")]
    small, large = compute(items, settings(*names))
    assert small["values"]["fragile"] == 1.0
    assert "too large" in large["failures"]["fragile"]
    assert "finite" in small["failures"]["odd"]
    assert large["failures"]["odd"] == "for a reason"
    assert "one value for each crystal" in small["failures"]["short"]
