"""What a batch may hold follows from the memory that XLA plans for the potential."""

import jax
import pytest

from matjax.graphs import batch_slots
from matjax.predictors import Potential, budget, evaluate
from tests.contracts.test_models import CASES


@pytest.fixture(scope="module")
def potential():
    return Potential.create(CASES["nequip"][0])


def test_memory_grows_with_the_edge_slots(potential, monkeypatch):
    monkeypatch.setattr(budget, "_MEASURED", {})
    small = budget.bytes_of_slot(potential, evaluate)
    assert budget._MEASURED
    monkeypatch.setattr(budget, "_MEASURED", {})
    monkeypatch.setattr(budget, "N_NODES", 4 * budget.N_NODES)
    large = budget.bytes_of_slot(potential, evaluate)
    # A share of the memory belongs to nodes, and XLA fuses what it likes.
    assert small == pytest.approx(large, rel=0.3)


def test_a_device_is_filled_to_a_share_of_its_memory(potential, monkeypatch):
    assert budget.slots_that_fit(potential, evaluate) == batch_slots()

    class Device:
        platform = "gpu"

        @staticmethod
        def memory_stats():
            return {"bytes_limit": 80 * 2**30}

    monkeypatch.setattr(jax, "devices", lambda: [Device()])
    monkeypatch.setattr(budget, "bytes_of_slot", lambda *_: 1e5)
    assert budget.slots_that_fit(potential, evaluate) == int(0.6 * 80 * 2**30 / 1e5)
    Device.memory_stats = staticmethod(lambda: None)
    assert budget.slots_that_fit(potential, evaluate) == batch_slots()
