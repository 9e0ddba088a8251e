"""What the figures of experiments show, drawn from made-up results."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.studies import Run, catalog


def experiment(name):
    return catalog.load_experiment(catalog.experiments()[name])


def trajectory(temperature):
    times = np.arange(100.0)
    return SimpleNamespace(
        times=times,
        temperature=np.full(100, temperature),
        pressure=np.zeros(100),
        conserved=np.zeros(100),
        crystal=SimpleNamespace(n_atoms=8),
    )


@pytest.mark.parametrize(
    ("ensemble", "targets"), [("nve", []), ("nvt", ["300"]), ("npt", ["300", "2"])]
)
def test_dynamics_are_drawn_beside_what_they_are_told_to_keep(ensemble, targets):
    md = experiment("md")
    config = md.Config(crystal="x", ensemble=ensemble, pressure=2.0)
    figure = md._figure(trajectory(310.0), config, "Si")
    legends = [ax.get_legend() for ax in figure.axes if ax.get_legend()]
    texts = [legend.get_texts()[0].get_text() for legend in legends]
    assert texts == [f"target {value}" for value in targets]


def test_a_mean_temperature_far_from_its_target_is_said(tmp_path, caplog):
    md = experiment("md")
    config = md.Config(crystal="x", ensemble="npt", temperature=300.0)
    with caplog.at_level(logging.WARNING):
        md._warn(trajectory(290.0), config, Run(tmp_path))
        assert not caplog.text
        md._warn(trajectory(106.0), config, Run(tmp_path))
    assert "106 K on average, not 300 K" in caplog.text


def test_round_off_of_a_relaxation_lies_on_the_axis_below_a_named_threshold():
    study = experiment("relax")
    result = SimpleNamespace(
        energies=np.array([1.0, 0.0]),
        max_forces=np.array([1e-14, 0.0]),
        max_stresses=np.array([0.1, 1e-6]),
    )
    config = study.Config(crystal="x", fmax=1e-3, smax=1e-5)
    _, forces, stresses = study._figure(result, config, "Si").axes
    assert_allclose(forces.get_lines()[0].get_ydata(), 1e-4)
    assert_allclose(forces.get_ylim(), [1e-4, 1e-2])
    assert forces.texts[0].get_text() == "fmax = 0.001"
    assert stresses.texts[0].get_text() == "smax = 1e-05"
