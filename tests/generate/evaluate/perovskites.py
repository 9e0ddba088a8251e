"""Cubic perovskites, from which samples differ in known ways."""

import numpy as np

from matjax.crystals import Crystal

SITES = np.array(
    [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
)
NUMBERS = [38, 22, 8, 8, 8]


def perovskite(a=3.9, numbers=NUMBERS, sites=SITES):
    return Crystal.create(numbers, np.eye(3) * a, fractional=sites)
