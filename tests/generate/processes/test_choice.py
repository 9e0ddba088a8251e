"""Joint processes by name, on the scales of data."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.generate.processes import (
    CellDiffusion,
    ElementUniform,
    ProcessConfig,
    Scales,
    TorusFlow,
    data_scales,
    joint_process,
)


def cubic(a):
    return Crystal.create([5, 6], np.eye(3) * a, fractional=[[0, 0, 0], [0.5, 0.5, 0]])


def test_scales_are_those_of_the_cells():
    scales = data_scales([cubic(3.0), cubic(3.0 * np.exp(0.2))])
    # Rounded to four digits; log P is ±0.1 on the diagonal, 0 beside it.
    assert_allclose(scales.volume, (3.0 * np.exp(0.1)) ** 3 / 2, atol=1e-4)
    assert_allclose(scales.spread, 0.1 / np.sqrt(2), atol=1e-5)


def test_cells_that_are_all_alike_have_a_spread_still():
    assert data_scales([cubic(3.0)]).spread == 1e-3
    with pytest.raises(ValueError, match="at least one crystal"):
        data_scales([])


def test_processes_are_those_named():
    config = ProcessConfig(
        fractional="flow", cell="diffusion", elements="uniform", paired=False
    )
    process = joint_process(config, (5, 6, 7), Scales(12.0, 0.1))
    assert process.fractional == TorusFlow(paired=False)
    assert process.cell == CellDiffusion()
    assert process.elements == ElementUniform(3)
    assert process.given_share == 0
    assert hash(process) == hash(joint_process(config, (5, 6, 7), Scales(12.0, 0.1)))


def test_what_makes_no_process_is_refused():
    nothing = ProcessConfig(fractional="given", cell="given", elements="given")
    with pytest.raises(ValueError, match="at least one part"):
        joint_process(nothing, (5,), Scales(12.0, 0.1))
    both = ProcessConfig(elements="given", given_share=0.5)
    with pytest.raises(ValueError, match="a share of examples"):
        joint_process(both, (5,), Scales(12.0, 0.1))
    with pytest.raises(ValueError, match="positive"):
        joint_process(ProcessConfig(powers=(1, 0, 1)), (5,), Scales(12.0, 0.1))
