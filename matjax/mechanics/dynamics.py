"""Molecular dynamics of one crystal or many, through jax-md's integrators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, NamedTuple, overload

import numpy as np

from matjax.arrays import Array, Float
from matjax.crystals import Crystal
from matjax.errors import DivergenceError
from matjax.mechanics.chunks import interrupted, watched
from matjax.mechanics.ensembles import NPT, NVT, Ensemble, scale_of
from matjax.mechanics.lockstep import Lockstep, Pace, Walker, resized
from matjax.mechanics.trajectory import Trajectory
from matjax.predictors import Potential
from matjax.progress import Progress


@overload
def molecular_dynamics(
    potential: Potential,
    start: Crystal | Trajectory,
    ensemble: Ensemble,
    *,
    steps: int,
    timestep: float = ...,
    every: int = ...,
    velocities: Float[Array, "atoms 3"] | None = ...,
    seed: int = ...,
    progress: Progress | bool = ...,
) -> Trajectory: ...


@overload
def molecular_dynamics(
    potential: Potential,
    start: Sequence[Crystal | Trajectory],
    ensemble: Ensemble | Sequence[Ensemble],
    *,
    steps: int,
    timestep: float = ...,
    every: int = ...,
    velocities: Sequence[Float[Array, "_ 3"] | None] | None = ...,
    seed: int = ...,
    progress: Progress | bool = ...,
) -> list[Trajectory]: ...


def molecular_dynamics(
    potential: Potential,
    start: Crystal | Trajectory | Sequence[Crystal | Trajectory],
    ensemble: Ensemble | Sequence[Ensemble],
    *,
    steps: int,
    timestep: float = 1.0,
    every: int = 10,
    velocities: Float[Array, "atoms 3"]
    | Sequence[Float[Array, "_ 3"] | None]
    | None = None,
    seed: int = 0,
    progress: Progress | bool = False,
) -> Trajectory | list[Trajectory]:
    """Trajectory of the atoms, its frames ``every`` steps from the start on.

    Of several crystals (or of one, several times) a list, in their order. They move in
    batches that share compiled functions; one that cannot go on says so in its
    ``failure``. Ctrl-C ends the run, not the program: it warns and returns what was
    computed, with ``interrupted`` set.

    Args:
        potential: computes in its own precision; the motion is integrated in JAX's
            default float.
        start: a crystal, whose ``fixed`` atoms stay; or a trajectory to go on from,
            exactly where the ensemble is of the same kind, and from its last positions
            and velocities otherwise; or several of these.
        ensemble: :class:`NVE`, :class:`NVT`, :class:`Langevin` or :class:`NPT`; or one
            for each of several crystals.
        steps: number of steps.
        timestep: fs.
        every: steps between frames. A frame costs one more evaluation.
        velocities: of the crystal's atoms, Å/fs, those of fixed atoms zero; or of each
            of several crystals, None where they are to be drawn. By default drawn from
            the Maxwell–Boltzmann distribution at the ensemble's temperature, with
            total momentum zero.
        seed: of velocities and of Langevin's noise. Those of crystal k depend on it and
            on k alone (``fold_in`` of the seed's key with 2k and 2k + 1), whatever the
            others are; a single crystal is crystal 0.
        progress: whether to show a bar, or what wraps the steps of all crystals, such
            as ``tqdm``.

    Raises:
        ValueError: if an argument is out of range; or if a single crystal cannot move
            (one atom, two on one place, an element that the potential does not know,
            atoms fixed in a way that the ensemble cannot keep).
        DivergenceError: if a coordinate or an energy of a single crystal becomes
            infinite; its ``result`` is the trajectory until then.
    """
    pace = Pace(steps, timestep, every)
    _require_pace(pace)
    starts = _starts(start, ensemble, velocities)
    single = isinstance(start, Crystal | Trajectory)
    records = _run(Lockstep(potential, pace, seed), starts, progress, single=single)
    if not single:
        return records
    if records[0].failure:
        raise DivergenceError(records[0].failure, records[0])
    return records[0]


class _Start(NamedTuple):
    """What one crystal begins with."""

    start: Crystal | Trajectory
    ensemble: Ensemble
    velocities: Array | None


def _starts(start: Any, ensemble: Any, velocities: Any) -> list[_Start]:
    """What each crystal begins with."""
    if isinstance(start, Crystal | Trajectory):
        if isinstance(ensemble, Sequence) or isinstance(velocities, Sequence):
            raise ValueError(
                "several ensembles, or velocities of several crystals, need as many "
                "crystals; received one: give [crystal] * n for n replicas"
            )
        _require_ensemble(ensemble)
        return [_Start(start, ensemble, velocities)]
    n = len(start)
    ensembles = ensemble if isinstance(ensemble, Sequence) else [ensemble] * n
    velocities = [None] * n if velocities is None else velocities
    if len(ensembles) != n or len(velocities) != n:
        raise ValueError(
            f"each of {n} crystals needs its ensemble and its velocities, or all the "
            f"same; received {len(ensembles)} and {len(velocities)}"
        )
    for one in ensembles:
        _require_ensemble(one)
    return list(map(_Start, start, ensembles, velocities))


def _run(
    lockstep: Lockstep, starts: list[_Start], progress: Progress | bool, *, single: bool
) -> list[Trajectory]:
    """The records of all; a single crystal that cannot move is refused."""
    walkers = []
    for index, start in enumerate(starts):
        walker = _walker(start, index)
        try:
            _require_crystal(walker)
            lockstep.potential.require_species(walker.crystal)
            walker.measure(lockstep.potential.cutoff)
        except ValueError as error:
            if single:
                raise
            walker.failure = str(error)
        walkers.append(walker)
    able = [walker for walker in walkers if not walker.failure]
    shown = watched(
        lockstep.run(able),
        "molecular dynamics",
        total=lockstep.pace.steps * len(able),
        progress=progress,
    )

    def reached() -> str:
        taken = sum(max(walker.clock, 0) for walker in walkers)
        of_all = "" if single else f" of all {len(walkers)} crystals together"
        return (
            f"molecular dynamics interrupted after {taken} steps{of_all}; what was "
            "computed by then"
        )

    stopped = interrupted(shown, reached)
    return [_record(walker, lockstep.pace, stopped=stopped) for walker in walkers]


def _walker(begin: _Start, index: int) -> Walker:
    """The crystal at its start, or where an earlier trajectory has ended."""
    start, ensemble, velocities = begin
    crystal = start if isinstance(start, Crystal) else start.crystal
    walker = Walker(index, crystal, ensemble=ensemble)
    if isinstance(start, Crystal):
        walker.velocities = velocities
        return walker
    walker.begun = start.time
    if velocities is not None or start.state is None:
        walker.velocities = velocities
    elif type(start.ensemble) is type(ensemble):
        walker.state, walker.scale = start.state, float(scale_of(start.state))
    else:
        walker.velocities = start.end_velocities
    return walker


def _record(walker: Walker, pace: Pace, *, stopped: bool) -> Trajectory:
    """The record of a crystal, wherever its way has ended."""
    rows, steps = walker.recorded(), max(walker.clock, 0)
    state, crystal = walker.state, walker.crystal
    if walker.row is not None and state is not None:
        state, crystal = resized(state, crystal.n_atoms), walker.at(state)
    interval = pace.every * pace.timestep
    return Trajectory(
        crystal=crystal,
        ensemble=walker.ensemble,
        state=state,
        steps=steps,
        time=walker.begun + steps * pace.timestep,
        interrupted=stopped and not walker.failure and steps < pace.steps,
        times=walker.begun + np.arange(len(rows.cells)) * interval,
        failure=walker.failure,
        **{field.name: getattr(rows, field.name) for field in fields(rows)},
    )


def _require_pace(pace: Pace) -> None:
    steps, timestep, every = pace
    if steps < 1 or every < 1:
        raise ValueError(
            f"steps and every must be positive; received {steps=}, {every=}"
        )
    if not (np.isfinite(timestep) and timestep > 0):
        raise ValueError(f"a timestep must be positive; received {timestep} fs")


def _require_ensemble(ensemble: Ensemble) -> None:
    values = {
        field.name: float(getattr(ensemble, field.name))
        for field in fields(ensemble)
        if field.name != "kind"
    }
    for name, value in values.items():
        if not np.isfinite(value):
            raise ValueError(f"{name} must be finite; received {value}")
    if values["temperature"] < 0:
        raise ValueError(
            f"a temperature must not be negative; received {ensemble.temperature} K"
        )
    if isinstance(ensemble, NVT | NPT) and not values["temperature"] > 0:
        # The chain's masses are proportional to it.
        raise ValueError(
            "the temperature must be positive for a Nosé–Hoover thermostat; received "
            "0 K: relax the crystal, or use Langevin(0.0) to cool it"
        )
    for name in ("time", "barostat_time"):
        if not values.get(name, 1.0) > 0:
            raise ValueError(f"{name} must be positive; received {values[name]} fs")


def _require_crystal(walker: Walker) -> None:
    crystal, ensemble, velocities = walker.crystal, walker.ensemble, walker.velocities
    fixed = crystal.fixed
    if crystal.n_atoms < 2:
        raise ValueError(
            "at least two atoms must move against each other; received one: make a "
            "supercell"
        )
    if isinstance(ensemble, NPT) and not all(crystal.pbc):
        raise ValueError(
            "constant pressure needs three periodic directions; received "
            f"pbc={crystal.pbc}"
        )
    if fixed is not None and (fixed.ndim == 2 or fixed.all() or ensemble.kind == "NPT"):
        raise ValueError(
            "molecular dynamics keeps whole atoms fixed, not all of them, and not "
            f"while the cell changes; received {ensemble.kind} and fixed atoms "
            f"{np.unique(np.nonzero(fixed)[0]).tolist()}: free them with "
            "crystal.replace(fixed=None), or choose which stay"
        )
    if velocities is None:
        return
    given = np.asarray(velocities)
    if given.shape != (crystal.n_atoms, 3) or not np.isfinite(given).all():
        raise ValueError(
            f"velocities must be finite, three for each of {crystal.n_atoms} atoms "
            f"(Å/fs); received shape {given.shape}"
        )
