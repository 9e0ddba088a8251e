"""Fingerprints: hand-computed features, and what has none."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.generate.evaluate import fingerprints_of
from matjax.generate.evaluate.fingerprints import SCALES, Fingerprints
from tests.generate.evaluate.perovskites import NUMBERS, SITES, perovskite

ROCK_SALT = [[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]]


@pytest.fixture(scope="module")
def found():
    pytest.importorskip("matminer")
    salt = Crystal.create(
        [11, 17], 5.64 * np.array(ROCK_SALT), fractional=[[0, 0, 0], [0.5] * 3]
    )
    order = [3, 1, 4, 0, 2]
    moved = perovskite(3.9, np.array(NUMBERS)[order], (SITES + 0.3)[order])
    return fingerprints_of([perovskite(), None, salt, moved])


def test_features_of_a_composition_count_in_published_deviations(found):
    scales = json.loads(SCALES.read_text())
    # Atomic numbers of SrTiO3: least, largest, range, mean, mean deviation, commonest.
    numbers = np.array([8, 38, 30, 16.8, 0.2 * 21.2 + 0.2 * 5.2 + 0.6 * 8.8, 8])
    means, deviations = scales["means"]["Number"], scales["deviations"]["Number"]
    assert_allclose(
        found.compositions[0, :6], (numbers - means) / deviations, atol=1e-7
    )
    # Pauling's electronegativities of Na and Cl: 0.93 and 3.16.
    values = np.array([0.93, 3.16, 2.23, 2.045, 1.115])
    means, deviations = (
        np.array(scales[name]["Electronegativity"][:5])
        for name in ("means", "deviations")
    )
    expected = (values - means) / deviations
    assert_allclose(found.compositions[2, 42:47], expected, atol=1e-7)


def test_published_scales_are_those_of_a_range():
    scales = json.loads(SCALES.read_text())
    for least, largest, span, *_ in scales["means"].values():
        assert_allclose(largest - least, span, rtol=1e-9)
    assert all(min(values) > 0 for values in scales["deviations"].values())


def test_atoms_of_rock_salt_are_octahedra(found):
    from matminer.featurizers.site.fingerprint import CrystalNNFingerprint

    labels = CrystalNNFingerprint.from_preset("ops").feature_labels()
    named = dict(zip(labels, found.structures[2], strict=True))
    # The weights of all coordination numbers are shares; octahedra have order 1.
    shares = [value for label, value in named.items() if label.startswith("wt")]
    assert_allclose(sum(shares), 1, atol=1e-6)
    assert_allclose(named["wt CN_6"], 1, atol=1e-3)
    assert_allclose(named["octahedral CN_6"], named["wt CN_6"], atol=1e-3)


def test_origin_and_order_of_atoms_do_not_count(found):
    assert_allclose(found.structures[3], found.structures[0], atol=1e-6)
    assert_allclose(found.compositions[3], found.compositions[0], atol=1e-8)


def test_what_is_no_crystal_has_none(found):
    assert found.known.tolist() == [True, False, True, True]
    assert np.isnan(found.structures[1]).all()


def test_structures_that_are_not_valid_have_none():
    pytest.importorskip("matminer")
    met = SITES.copy()
    met[1] = [0.01, 0, 0]
    found = fingerprints_of([perovskite(sites=met), perovskite(1e-3)])
    assert found.known.tolist() == [False, False]
    assert np.isfinite(found.compositions).all()


def test_those_kept_are_found_again(tmp_path, monkeypatch):
    pytest.importorskip("matminer")
    monkeypatch.setenv("MATJAX_CACHE", str(tmp_path))
    first = fingerprints_of([perovskite()], keep=True)
    (path,) = (tmp_path / "fingerprints").glob("*.jsonl")
    path.write_text(
        path.read_text().replace("[", "[0.5, ", 1).replace(", 0.0]", "]", 1)
    )
    again = fingerprints_of([perovskite()], keep=True)
    assert isinstance(again, Fingerprints)
    assert np.abs(again.structures - first.structures).max() > 0.1
