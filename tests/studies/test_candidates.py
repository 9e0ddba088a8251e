"""Files of candidates: one row, one CIF and one frame each, raw ones beside."""

import csv

import numpy as np

from matjax.crystals import Crystal, read, read_all
from matjax.generate.refinement import Candidate
from matjax.studies import Run, save_candidates, save_way


def candidate(rank):
    cell = (3.7 + 0.1 * rank) * (np.ones((3, 3)) - np.eye(3)) / np.sqrt(2)
    crystal = Crystal.create(["Ar"], cell, fractional=[[0.0, 0.0, 0.0]])
    return Candidate(
        *(rank, crystal, crystal, crystal, "Fm-3m", 225, -0.08 + 0.01 * rank, True, 1),
        unlike="",
    )


def test_candidates_are_files_in_one_order(tmp_path):
    run = Run(tmp_path)
    found = [candidate(0), candidate(1)]
    save_candidates(run, found, [0.7, float("nan")], [True, None], title="argon")
    with (tmp_path / "candidates.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["rank"] for row in rows] == ["1", "2"]
    assert [row["lowest_frequency_THz"] for row in rows] == ["0.7", ""]
    assert abs(float(rows[1]["above_lowest_meV_per_atom"]) - 10) < 1e-6
    for name in ("candidates", "relaxed", "raw"):
        assert len(read_all(tmp_path / f"{name}.extxyz")) == 2
    assert read(tmp_path / "candidate_02.cif").n_atoms == 1
    assert (tmp_path / "candidates.png").is_file()


def test_a_way_is_written_without_what_is_no_crystal(tmp_path):
    run = Run(tmp_path)
    save_way(run, [None, candidate(0).raw, candidate(1).raw])
    assert len(read_all(tmp_path / "denoising.extxyz")) == 2
    assert (tmp_path / "denoising.gif").stat().st_size > 0
    save_way(run, [None])
