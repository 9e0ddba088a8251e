"""Samples as files; the experiment that trains generators tests the rest."""

import gzip

import numpy as np
from numpy.testing import assert_allclose

from matjax.crystals import read_all
from matjax.studies import Run, save_samples
from tests.generate.evaluate.perovskites import perovskite


def test_what_is_judged_is_what_is_written(tmp_path):
    rng = np.random.default_rng(0)
    samples = [perovskite(4 + rng.random(), sites=rng.random((5, 3))), None]
    run = Run(tmp_path)
    kept = save_samples(run, "samples.extxyz.gz", samples)
    (read,) = read_all(tmp_path / "samples.extxyz.gz", allow_close=True)
    assert kept[1] is None
    assert_allclose(read.positions, kept[0].positions, atol=1e-9)
    assert_allclose(read.cell, kept[0].cell, atol=1e-9)
    assert_allclose(kept[0].positions, samples[0].positions, atol=6e-5)
    assert save_samples(Run(tmp_path / "none"), "samples.extxyz.gz", [None]) == [None]


def test_a_thousand_samples_are_a_small_file(tmp_path):
    rng = np.random.default_rng(0)
    samples = [
        perovskite(4 + rng.random(), sites=rng.random((5, 3))) for _ in range(99)
    ]
    save_samples(Run(tmp_path), "samples.extxyz.gz", samples)
    content = (tmp_path / "samples.extxyz.gz").read_bytes()
    assert len(content) < 99 * 300
    assert gzip.decompress(content).count(b"Lattice") == 99


def test_of_more_than_a_thousand_all_are_written_beside_the_first(tmp_path):
    save_samples(Run(tmp_path), "samples.extxyz.gz", [perovskite()] * 1002)
    names = {"samples.extxyz.gz": 1000, "all_samples.extxyz.gz": 1002}
    for name, n in names.items():
        content = gzip.decompress((tmp_path / name).read_bytes())
        assert content.count(b"Lattice") == n
