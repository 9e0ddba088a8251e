"""A screen asks one function of the chosen crystals, and reports on all of them."""

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write

from matjax.studies import Run, chosen_items, report, screened, screening_potential

FUNCTION = """
from matjax.crystals import crystal_from_json

def volume(item, settings):
    return {"volume": settings["factor"] * float(crystal_from_json(item).volume)}
"""


@pytest.fixture
def data(tmp_path):
    frames = [bulk("Si", "diamond", 5.43, cubic=True), bulk("Al"), bulk("Cu")]
    for number, atoms in enumerate(frames):
        atoms.info |= {"material_id": f"test-{number}", "volume": atoms.get_volume()}
    frames[2].positions[0, 0] = np.nan
    write(tmp_path / "data.extxyz", frames)
    return str(tmp_path / "data.extxyz")


def test_what_is_no_crystal_is_a_failed_row(data, tmp_path):
    (tmp_path / "volume.py").write_text(FUNCTION)
    run = Run(tmp_path / "run")
    items = chosen_items(data, ("volume",))
    assert [len(item.numbers) for item in items.values()] == [1, 1, 8]  # small first
    answers = screened(
        f"{tmp_path / 'volume.py'}:volume",
        items,
        {"factor": 2.0},
        run,
        n_workers=1,
        time_limit=None,
    )
    metrics = report(answers, items, {"volume": "A3"}, run)
    volumes = [items[key].references["volume"] for key in ("test-0", "test-1")]
    assert metrics["volume_bias_A3"] == pytest.approx(np.mean(volumes))
    assert metrics["n_failed"] == 1
    assert "#2" in (run.folder / "failures.txt").read_text()
    assert {path.name for path in run.files} >= {"crystals.csv", "parity.png"}


def test_limits_choose_among_the_small_ones(data):
    assert chosen_items(data, (), max_atoms=1).keys() == {"test-1", "test-2"}
    assert len(chosen_items(data, (), limit=1, seed=3)) == 1


def test_a_screen_without_a_result_says_so(data, tmp_path):
    with pytest.raises(ValueError, match="at least one crystal is needed"):
        report({}, {}, {}, Run(tmp_path / "none"))
    items = chosen_items(data, ("volume",), max_atoms=1)
    error = {"kind": "ValueError", "message": "no way"}
    answers = {key: {"seconds": 0.1, "error": error} for key in items}
    with pytest.raises(ValueError, match=r"no crystal has a result.*no way"):
        report(answers, items, {"volume": "A3"}, Run(tmp_path / "failed"))


def test_a_potential_is_loaded_once_in_a_process():
    first = screening_potential("stillinger-weber-si", "float64")
    assert screening_potential("stillinger-weber-si", "float64") is first
