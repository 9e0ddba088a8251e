"""Silicon out of its places."""

import numpy as np

from matjax.crystals import Crystal

FCC = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]) / 2


def rattled_silicon(seed=0, strain=0.03):
    rng = np.random.default_rng(seed)
    sites = np.array([[0, 0, 0], [0.25, 0.25, 0.25]]) + rng.normal(size=(2, 3)) * 0.02
    cell = FCC * 5.5 @ (np.eye(3) + strain * rng.normal(size=(3, 3)))
    return Crystal.create([14, 14], cell, fractional=sites)
