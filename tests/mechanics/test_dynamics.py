"""Dynamics conserve what they should and sample the ensembles they are named after."""

import ase.build
import ase.io
import ase.units
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.errors import DivergenceError
from matjax.mechanics import NPT, NVE, NVT, Langevin, lockstep, molecular_dynamics
from matjax.mechanics.motion import maxwell_boltzmann
from matjax.models.potentials import LennardJones, StillingerWeber
from matjax.predictors import Potential
from matjax.units import BOLTZMANN, GPA

ARGON_CELL = ase.build.bulk("Ar", a=5.36, cubic=True) * (2, 2, 2)
ARGON_TIMESTEP = 4.0  # fs


@pytest.fixture(scope="module")
def silicon():
    return Potential.create(StillingerWeber())


@pytest.fixture(scope="module")
def argon():
    return Potential.create(LennardJones(onset=5.8, cutoff=6.0))


@pytest.fixture(scope="module")
def argon_crystal():
    return Crystal.from_ase(ARGON_CELL)


def silicon_crystal(n=2):
    return Crystal.from_ase(ase.build.bulk("Si", cubic=True) * (n, n, n))


@pytest.mark.slow
def test_energy_of_64_silicon_atoms_drifts_less_than_a_mev_per_atom(silicon):
    run = molecular_dynamics(silicon, silicon_crystal(), NVE(600.0), steps=2000)
    assert len(run.times) == 201
    assert_allclose(run.times[-1], 2000.0)
    total = run.potential_energy + run.kinetic_energy
    assert_allclose(run.conserved, total, rtol=1e-14)
    drift = np.polyfit(run.times, total, 1)[0] * run.times[-1]
    assert abs(drift) / 64 < 1e-4
    assert np.ptp(total) / 64 < 1e-3
    # Half of the kinetic energy has gone into the springs.
    assert 200 < run.temperature[100:].mean() < 400
    momentum = (run.velocities[-1] * 28.085).sum(axis=0)
    assert_allclose(momentum, 0, atol=1e-12)  # round-off


def test_velocities_at_the_start_are_maxwells_without_drift():
    masses = jnp.asarray([1.0, 10.0, 100.0] * 2000)
    momenta = maxwell_boltzmann(jax.random.key(0), masses, 300.0)
    assert_allclose(momenta.sum(axis=0), 0, atol=1e-9)  # round-off
    kinetic = np.asarray(momenta**2 / masses[:, None] / 2).reshape(-1, 3, 3)
    # Equipartition between light and heavy atoms: four standard errors of 6,000 values.
    expected = BOLTZMANN * 300.0 / 2
    assert_allclose(kinetic.mean(axis=(0, 2)), expected, rtol=4 * np.sqrt(2 / 6000))


@pytest.mark.parametrize(
    "ensemble", [NVE(60.0), NVT(60.0), Langevin(60.0), NPT(60.0, 0.02 / GPA)]
)
def test_a_run_goes_on_where_it_stopped(argon, argon_crystal, ensemble):
    options = {"timestep": ARGON_TIMESTEP, "every": 10}
    whole = molecular_dynamics(argon, argon_crystal, ensemble, steps=60, **options)
    first = molecular_dynamics(argon, argon_crystal, ensemble, steps=40, **options)
    second = molecular_dynamics(argon, first, ensemble, steps=20, **options)
    assert_allclose(second.times, whole.times[4:])
    # Round-off: the second run starts from coordinates that went through the cell.
    assert_allclose(second.positions, whole.positions[4:], atol=1e-9)
    assert_allclose(second.conserved, whole.conserved[4:], rtol=1e-9)
    assert second.time == 240.0


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("ensemble", [NVE(60.0), NVT(60.0), Langevin(60.0), NPT(60.0)])
def test_every_ensemble_runs_in_float32(argon, argon_crystal, ensemble):
    options = {"steps": 20, "timestep": ARGON_TIMESTEP}
    double = molecular_dynamics(argon, argon_crystal, ensemble, **options)
    with jax.enable_x64(False):
        single = argon.astype(jnp.float32)
        run = molecular_dynamics(
            single,
            argon_crystal,
            ensemble,
            velocities=double.velocities[0].astype(np.float32),
            **options,
        )
    assert run.positions.dtype == np.float32
    assert_allclose(run.potential_energy[0], double.potential_energy[0], rtol=1e-5)
    if not isinstance(ensemble, Langevin):  # whose noise depends on the precision
        # float32 of coordinates up to 10 Å, over 20 steps
        assert_allclose(run.positions[-1], double.positions[-1], atol=2e-4)


def test_another_ensemble_starts_from_the_last_velocities(argon, argon_crystal):
    hot = molecular_dynamics(argon, argon_crystal, Langevin(60.0), steps=20)
    free = molecular_dynamics(argon, hot, NVE(60.0), steps=10)
    assert_allclose(free.velocities[0], hot.end_velocities, rtol=1e-12)
    assert_allclose(free.positions[0], hot.positions[-1], atol=1e-10)  # round-off


@pytest.mark.slow
def test_neighbor_list_grows_when_atoms_come_together(argon, monkeypatch):
    advance, degrees = lockstep.advance, []

    def remember(potential, rows, *arguments):
        degrees.append(rows.neighbor_list.degree)
        return advance(potential, rows, *arguments)

    monkeypatch.setattr(lockstep, "advance", remember)
    monkeypatch.setattr("matjax.mechanics.rows.SPARE", 0)
    # Four atoms that fly to one place: without neighbors at first, with three later.
    positions = np.array([[0, 0, 0], [9, 0, 0], [3, 8, 0], [4.5, 0, 8]], dtype=float)
    gas = Crystal.create([18] * 4, np.eye(3) * 30, positions=positions)
    velocities = (positions.mean(axis=0) - positions) * 1e-3
    run = molecular_dynamics(
        argon, gas, NVE(0.0), steps=2000, timestep=1.0, velocities=velocities
    )
    assert degrees[0] == 2
    assert degrees[-1] >= 3
    assert len(run.times) == 201
    assert run.potential_energy[0] == 0
    assert run.potential_energy.min() < -4 * 0.0103  # more than four bonds
    # The timestep's error in a collision of 0.3 eV; a missed edge would cost 0.01 eV.
    assert np.ptp(run.conserved) < 1e-4


def test_an_exploding_run_keeps_its_frames(argon, argon_crystal):
    with pytest.raises(DivergenceError, match="shorter timestep") as caught:
        molecular_dynamics(
            argon, argon_crystal, NVE(300.0), steps=500, timestep=500.0, every=1
        )
    run = caught.value.result
    assert len(run.times) == run.steps + 1 >= 1
    assert np.isfinite(run.positions).all()


def test_interruption_keeps_the_frames(argon, argon_crystal, monkeypatch):
    advance, calls = lockstep.advance, []

    def advance_three_times(*arguments):
        calls.append(None)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return advance(*arguments)

    monkeypatch.setattr(lockstep, "advance", advance_three_times)
    monkeypatch.setattr(lockstep, "next_limit", lambda *_: 25)
    with pytest.warns(UserWarning, match="interrupted after 50 steps"):
        run = molecular_dynamics(argon, argon_crystal, NVE(60.0), steps=1000)
    assert run.interrupted
    assert run.steps == 50
    assert_allclose(run.times, [0, 10, 20, 30, 40, 50])
    monkeypatch.undo()
    rest = molecular_dynamics(argon, run, NVE(60.0), steps=10)
    assert_allclose(rest.times, [50, 60])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "steps and every must be positive"),
        ({"steps": 1, "timestep": -1.0}, "timestep must be positive"),
        ({"steps": 1, "timestep": float("nan")}, "timestep must be positive"),
        ({"steps": 1, "ensemble": NVT(-5.0)}, "must not be negative"),
        ({"steps": 1, "ensemble": NVT(0.0)}, "temperature must be positive"),
        ({"steps": 1, "ensemble": NPT(0.0)}, "temperature must be positive"),
        ({"steps": 1, "ensemble": NVE(float("nan"))}, "temperature must be finite"),
        ({"steps": 1, "ensemble": NVT(9.0, time=0.0)}, "time must be positive"),
        ({"steps": 1, "ensemble": Langevin(9.0, time=-1.0)}, "time must be positive"),
        (
            {"steps": 1, "ensemble": NPT(9.0, barostat_time=0.0)},
            "barostat_time must be positive",
        ),
        (
            {"steps": 1, "ensemble": NPT(9.0, pressure=float("inf"))},
            "pressure must be finite",
        ),
        ({"steps": 1, "velocities": np.zeros((3, 3))}, "velocities must be finite"),
    ],
)
def test_bad_arguments_are_refused(argon, argon_crystal, arguments, message):
    arguments = {"ensemble": NVE(60.0), **arguments}
    with pytest.raises(ValueError, match=message):
        molecular_dynamics(argon, argon_crystal, **arguments)


def test_many_crystals_need_as_many_ensembles(argon, argon_crystal):
    ladder = [NVT(30.0), NVT(60.0)]
    with pytest.raises(ValueError, match="give \\[crystal\\] \\* n"):
        molecular_dynamics(argon, argon_crystal, ladder, steps=1)
    with pytest.raises(ValueError, match="each of 3 crystals"):
        molecular_dynamics(argon, [argon_crystal] * 3, ladder, steps=1)
    with pytest.raises(ValueError, match="temperature must be positive"):
        molecular_dynamics(argon, [argon_crystal] * 2, [NVT(30.0), NVT(0.0)], steps=1)
    assert molecular_dynamics(argon, [], NVE(60.0), steps=1) == []


def test_new_velocities_leave_the_cell_of_an_earlier_run(argon, argon_crystal):
    # It once began in the cell that the barostat had started from.
    ensemble = NPT(60.0, 0.2 / GPA, barostat_time=200.0)
    options = {"timestep": ARGON_TIMESTEP, "every": 20}
    first = molecular_dynamics(argon, argon_crystal, ensemble, steps=40, **options)
    assert first.volume[-1] < 0.99 * first.volume[0]
    second = molecular_dynamics(
        argon, first, ensemble, steps=20, velocities=first.end_velocities, **options
    )
    assert_allclose(second.cells[0], first.cells[-1], rtol=1e-12)
    assert_allclose(second.positions[0], first.positions[-1], atol=1e-9)  # round-off


def test_one_atom_is_refused(argon):
    one = Crystal.create([18], np.eye(3) * 5, fractional=[[0, 0, 0]])
    with pytest.raises(ValueError, match="at least two atoms"):
        molecular_dynamics(argon, one, NVE(60.0), steps=1)
