"""Silicon, as screens of the tests have it."""

from ase.build import bulk

from matjax.crystals import Crystal
from matjax.screening import Batch, ScreenSettings
from tests.force_constants.lattices import stillinger_weber


def silicon(a: float = 5.45) -> Crystal:
    return Crystal.from_ase(bulk("Si", "diamond", a))


def cubic(a: float = 5.5) -> Crystal:
    return Crystal.from_ase(bulk("Si", "diamond", a, cubic=True))


def batch(*crystals: Crystal, **settings) -> Batch:
    told = ScreenSettings(
        potential="stillinger-weber-si",
        potential_precision="float64",
        fmax=1e-4,
        smax=1e-6,
        **settings,
    )
    return Batch(stillinger_weber(), list(crystals), told)
