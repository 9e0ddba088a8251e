"""What the figure of elastic constants shows."""

import numpy as np

from matjax.mechanics import Elasticity
from matjax.reports import young_figure


def constants(tensor):
    return Elasticity(
        tensor=tensor,
        clamped=tensor,
        displacements=np.zeros((1, 3, 6)),
        stress=np.zeros((3, 3)),
        max_force=np.array(0.0),
        softest=np.inf,
        density=np.array(1.0),
    )


def voigt(c11, c33, c12, c13, c44, c66):
    tensor = np.diag([c11, c11, c33, c44, c44, c66])
    tensor[0, 1] = tensor[1, 0] = c12
    tensor[:2, 2] = tensor[2, :2] = c13
    return tensor


def test_planes_with_one_curve_share_a_panel():
    cubic = constants(voigt(151.4, 151.4, 76.4, 76.4, 56.4, 56.4))
    layered = constants(voigt(238.0, 52.0, 64.0, 12.0, 19.0, 87.0))
    (panel,) = young_figure(cubic, "Si").axes
    assert len(young_figure(layered, "MoS2").axes) == 3
    mean, curve = panel.get_lines()
    # 1/S11 along x; along a face diagonal 1/(S11 − (S11 − S12 − S44/2)/2).
    s = np.linalg.inv(cubic.tensor)
    diagonal = 1 / (s[0, 0] - (s[0, 0] - s[0, 1] - s[3, 3] / 2) / 2)
    np.testing.assert_allclose(curve.get_ydata()[[0, 45]], [1 / s[0, 0], diagonal])
    np.testing.assert_allclose(mean.get_ydata(), float(cubic.young))
