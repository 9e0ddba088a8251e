"""Crystals and what DScribe says of them; ``dscribe.json.gz`` names its version."""

import gzip
import json
from functools import cache
from pathlib import Path

import numpy as np

from matjax.crystals import Crystal
from matjax.descriptors import SymmetryFunctions

SPECIES = (8, 14, 22)
N_CHANNELS, N_DEGREES = 9, 4
"""Of the SOAP: three radial functions of three elements, degrees 0 to 3."""


@cache
def reference():
    with gzip.open(Path(__file__).with_name("dscribe.json.gz"), "rt") as file:
        return json.load(file)


def functions():
    rows = (reference()[name] for name in ("g2", "g4", "g5"))
    return SymmetryFunctions(*(tuple(map(tuple, row)) for row in rows))


def crystals():
    return [
        Crystal.create(
            row["numbers"], np.array(row["cell"]), positions=np.array(row["positions"])
        )
        for row in reference()["rows"]
    ]


def symmetry_functions(number):
    """DScribe's values in the order of matjax, which has no function without width."""
    values, n = np.array(reference()["rows"][number]["acsf"]), 4
    radial = [values[:, n * s + 1 : n * (s + 1)] for s in range(3)]
    pairs = values[:, 3 * n :].reshape(len(values), 6, -1)
    theirs = [(j, i) for i in range(3) for j in range(i + 1)]
    order = [theirs.index((i, j)) for i in range(3) for j in range(i, 3)]
    return np.concatenate([*radial, *(pairs[:, k] for k in order)], axis=1)


def power_spectrum(number):
    """DScribe's values in the order of matjax: pairs of channels, then degrees."""
    values = np.array(reference()["rows"][number]["soap"])
    first, second = np.triu_indices(N_CHANNELS)
    place = {pair: k for k, pair in enumerate(zip(first, second, strict=True))}
    columns = [
        place[3 * z + a, 3 * y + b] * N_DEGREES + degree
        for z in range(3)
        for y in range(z, 3)
        for degree in range(N_DEGREES)
        for a in range(3)
        for b in range(a if z == y else 0, 3)
    ]
    ordered = np.zeros_like(values)
    ordered[:, columns] = values
    return ordered
