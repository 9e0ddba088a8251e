"""The notebooks run from top to bottom, say what they promise, and are stripped."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from matjax.weights import Published, find, pretrained

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stripped_of_outputs(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def displayed(name, folder):
    """What the code cells of a notebook show, by the number of the cell."""
    notebook = nbformat.read(FOLDER / name, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": folder}},
    )
    client.execute()
    return {
        number: output["data"]
        for number, cell in enumerate(notebook.cells, start=1)
        for output in cell.get("outputs", [])
        if "data" in output
    }


@pytest.mark.slow
def test_cif_becomes_phonons_in_ten_cells(tmp_path):
    shown = displayed("01_cif_to_phonons.ipynb", tmp_path)
    assert max(shown) == 10
    # The potential was fitted to 5.431 Å, given to four digits.
    lattice_constant = float(shown[5]["text/plain"].strip("()").split(",")[-1])
    np.testing.assert_allclose(lattice_constant, 5.431, atol=5e-4)
    assert "image/png" in shown[7]


@pytest.mark.slow
def test_derivatives_of_phonons_equal_differences_and_fit_a_potential(tmp_path):
    shown = displayed("02_differentiable_phonons.ipynb", tmp_path)
    errors = ast.literal_eval(shown[5]["text/plain"])
    assert errors.keys() == {"strain", "parameters"}
    assert max(errors.values()) < 1e-6  # round-off of the differences
    before, after = ast.literal_eval(shown[10]["text/plain"])
    assert after < before / 2
    assert "image/png" in shown[11]


@pytest.mark.slow
def test_simple_cubic_argon_follows_its_soft_modes_to_close_packing(tmp_path):
    shown = displayed("03_soft_modes.ipynb", tmp_path)
    label, frequency, *counts = ast.literal_eval(shown[4]["text/plain"])
    assert label == "M"
    np.testing.assert_allclose(frequency, -0.624, atol=1e-3)  # digits
    assert counts == [1, 3, 3]
    _, elastically_stable, stable = ast.literal_eval(shown[5]["text/plain"])
    assert not elastically_stable
    assert not stable
    assert "image/png" in shown[6]
    assert "image/png" in shown[8]
    path = ast.literal_eval(shown[9]["text/plain"])
    assert path == [("Pm-3m", False), ("I4/mmm", False), ("P6_3/mmc", True)]


@pytest.mark.slow
def test_fitted_potential_has_the_phonons_of_the_one_it_was_fitted_to(tmp_path):
    shown = displayed("04_fit_a_potential.ipynb", tmp_path)
    assert "image/png" in shown[7]
    assert "image/png" in shown[8]
    fitted, reference = np.array(ast.literal_eval(shown[9]["text/plain"]))
    assert reference[0, -1] == 17.83  # Stillinger–Weber's optical mode at Γ
    # What 35 cells teach: the worst mode, transverse acoustic at L, is 9 % too soft.
    np.testing.assert_allclose(fitted[0, 3:], reference[0, 3:], rtol=0.02)
    np.testing.assert_allclose(fitted[1:], reference[1:], rtol=0.15)


@pytest.mark.slow
def test_a_formula_becomes_a_stable_crystal(tmp_path):
    if not find(pretrained(Published)["nequix-mp-1-pft"]):
        pytest.skip("the weights of nequix-mp-1-pft are not on this machine")
    shown = displayed("05_formula_to_crystal.ipynb", tmp_path)
    assert ast.literal_eval(shown[2]["text/plain"])[0] == "perov5-diffcsp"
    group, frequency = ast.literal_eval(shown[5]["text/plain"])[0]
    assert group == "Pm-3m"  # that of BaZrO3
    assert frequency > -0.1
    assert {"image/png"} <= shown[3].keys() & shown[6].keys()
