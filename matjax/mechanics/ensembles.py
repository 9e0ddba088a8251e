"""The ensembles of molecular dynamics, integrated by jax-md.

Three things of jax-md are corrected here. Its Nosé–Hoover chains count 3N degrees of
freedom although the total momentum stays zero; with 3N − 3 the temperature is right for
small cells too. Its barostat moves atoms by R·(eˣ − 1), which is meant for Cartesian R
but is called with fractional ones; here R is Cartesian. Its box is a matrix of columns
whose determinant is taken for the volume; here it is a multiple of the unit matrix that
only scales the cell, so that left-handed cells keep a positive volume.

Beside fixed atoms the total momentum is not kept: no degree of freedom is lost to it.

The field ``kind`` is there because JAX (0.10 and 0.12) takes two registered dataclasses
of as many leaves for the same pytree: jit would now and then run one for the other.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct

from matjax.arrays import Array, Float, Leaf
from matjax.predictors import Evaluation
from matjax.units import BOLTZMANN, FEMTOSECOND

Surface = Callable[[Array, Array], Evaluation]
"""Evaluation at positions (atoms, 3) and with the cell times a factor ()."""


class Integrator(NamedTuple):
    """One ensemble's dynamics as pure functions over jax-md's state."""

    init: Callable[..., Any]
    """State from a random key, positions, momenta and masses; forces are left at 0."""
    step: Callable[[Any], Any]
    conserved: Callable[[Any, Array], Array]
    """The integral of motion, eV, from the state and the potential energy."""


class NVE(struct.PyTreeNode):
    """Constant energy and volume, by velocity Verlet."""

    temperature: Leaf | float
    """Temperature of the initial velocities, K."""
    kind: str = struct.field(pytree_node=False, default="NVE")

    def degrees_of_freedom(self, n_atoms: int, n_fixed: int = 0) -> int:
        """Those over which the temperature is shared out."""
        return 3 * (n_atoms - n_fixed) - (0 if n_fixed else 3)

    def integrator(
        self, surface: Surface, dt: Array, volume: Array, dof: int
    ) -> Integrator:
        """Integrator with time step ``dt`` in internal units."""
        simulate = _jax_md_simulate()

        del volume, dof
        _, step = simulate.nve(_force(surface), _shift, dt)

        def init(key: Array, positions: Array, momenta: Array, masses: Array) -> Any:
            begin, _ = simulate.nve(_no_force, _shift, dt)
            return begin(key, positions, 0.0, mass=masses, momenta=momenta)

        def conserved(state: Any, potential: Array) -> Array:
            return potential + kinetic_energy(state)

        return Integrator(_quiet(init), _quiet(step), conserved)


class NVT(struct.PyTreeNode):
    """Constant temperature and volume, by a Nosé–Hoover chain.

    Source: Martyna, Klein and Tuckerman, J. Chem. Phys. 97, 2635 (1992).
    """

    temperature: Leaf | float
    """K."""
    time: Leaf | float = 100.0
    """Period of the thermostat, fs."""
    kind: str = struct.field(pytree_node=False, default="NVT")

    def degrees_of_freedom(self, n_atoms: int, n_fixed: int = 0) -> int:
        """Those over which the temperature is shared out."""
        return 3 * (n_atoms - n_fixed) - (0 if n_fixed else 3)

    def integrator(
        self, surface: Surface, dt: Array, volume: Array, dof: int
    ) -> Integrator:
        """Integrator with time step ``dt`` in internal units.

        Its chain counts ``dof`` degrees of freedom, which are part of its structure.
        """
        simulate = _jax_md_simulate()

        del volume
        kt = BOLTZMANN * self.temperature
        options = {"tau": FEMTOSECOND * self.time}
        _, step = simulate.nvt_nose_hoover(_force(surface), _shift, dt, kt, **options)

        def init(key: Array, positions: Array, momenta: Array, masses: Array) -> Any:
            begin, _ = simulate.nvt_nose_hoover(_no_force, _shift, dt, kt, **options)
            state = begin(key, positions, mass=masses, momenta=momenta)
            return state.set(chain=state.chain.set(degrees_of_freedom=dof))

        def conserved(state: Any, potential: Array) -> Array:
            kinetic = kinetic_energy(state)
            return potential + kinetic + _chain_energy(state.chain, kt)

        return Integrator(_quiet(init), _quiet(step), conserved)


class Langevin(struct.PyTreeNode):
    """Constant temperature and volume, by friction and noise (BAOAB).

    The total momentum fluctuates too. Source: Davidchack, Ouldridge and Tretyakov,
    J. Chem. Phys. 142, 144114 (2015).
    """

    temperature: Leaf | float
    """K."""
    time: Leaf | float = 100.0
    """Inverse friction, fs."""
    kind: str = struct.field(pytree_node=False, default="Langevin")

    def degrees_of_freedom(self, n_atoms: int, n_fixed: int = 0) -> int:
        """Those over which the temperature is shared out."""
        return 3 * (n_atoms - n_fixed)

    def integrator(
        self, surface: Surface, dt: Array, volume: Array, dof: int
    ) -> Integrator:
        """Integrator with time step ``dt`` in internal units."""
        simulate = _jax_md_simulate()

        del volume, dof
        kt, gamma = BOLTZMANN * self.temperature, 1 / (FEMTOSECOND * self.time)
        _, step = simulate.nvt_langevin(_force(surface), _shift, dt, kt, gamma)

        def init(key: Array, positions: Array, momenta: Array, masses: Array) -> Any:
            begin, _ = simulate.nvt_langevin(_no_force, _shift, dt, kt, gamma)
            return begin(key, positions, mass=masses, momenta=momenta)

        def conserved(state: Any, potential: Array) -> Array:
            return jnp.full_like(potential, jnp.nan)  # noise conserves nothing

        return Integrator(_quiet(init), _quiet(step), conserved)


class NPT(struct.PyTreeNode):
    """Constant temperature and pressure, by Nosé–Hoover chains on atoms and volume.

    The cell keeps its shape. Each step costs two evaluations.
    Source: Martyna, Tobias and Klein, J. Chem. Phys. 101, 4177 (1994).
    """

    temperature: Leaf | float
    """K."""
    pressure: Leaf | float = 0.0
    """eV/Å³ (divide GPa by ``units.GPA``)."""
    time: Leaf | float = 100.0
    """Period of the thermostat, fs."""
    barostat_time: Leaf | float = 1000.0
    """Period of the barostat, fs."""
    kind: str = struct.field(pytree_node=False, default="NPT")

    def degrees_of_freedom(self, n_atoms: int, n_fixed: int = 0) -> int:
        """Those over which the temperature is shared out."""
        return 3 * (n_atoms - n_fixed) - (0 if n_fixed else 3)

    def integrator(
        self, surface: Surface, dt: Array, volume: Array, dof: int
    ) -> Integrator:
        """Integrator with time step ``dt`` in internal units and a starting volume.

        Its chain counts ``dof`` degrees of freedom, which are part of its structure.
        """
        simulate = _jax_md_simulate()

        kt = BOLTZMANN * self.temperature
        edge = jnp.cbrt(volume)
        options = {
            "barostat_kwargs": {"tau": FEMTOSECOND * self.barostat_time},
            "thermostat_kwargs": {"tau": FEMTOSECOND * self.time},
        }
        energy = _scaled_energy(surface, edge)
        args = (_shift, dt, self.pressure, kt)
        _, step = simulate.npt_nose_hoover(energy, *args, **options)

        def init(key: Array, positions: Array, momenta: Array, masses: Array) -> Any:
            begin, _ = simulate.npt_nose_hoover(_no_energy, *args, **options)
            box = edge * jnp.eye(3, dtype=positions.dtype)
            state = begin(key, positions, box, mass=masses, momenta=momenta)
            return state.set(thermostat=state.thermostat.set(degrees_of_freedom=dof))

        def conserved(state: Any, potential: Array) -> Array:
            chains = _chain_energy(state.thermostat, kt)
            chains = chains + _chain_energy(state.barostat, kt)
            box = state.box_momentum**2 / (2 * state.box_mass)
            work = self.pressure * volume * jnp.exp(3 * state.box_position)
            return potential + kinetic_energy(state) + chains + box + work

        return Integrator(_quiet(init), _quiet(step), conserved)


Ensemble = NVE | NVT | Langevin | NPT


def scale_of(state: Any) -> Float[Array, ""]:
    """Factor of a state's cell relative to that of its integrator."""
    if hasattr(state, "box_position"):
        return jnp.exp(state.box_position)
    return jnp.ones((), state.position.dtype)


def _jax_md_simulate() -> Any:
    """The module, untyped: jax-md annotates as float what may be traced."""
    from jax_md import simulate  # takes ten seconds

    return simulate


def _quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function without JAX's warning that it has no float64.

    jax-md asks for float64 sums, which is fine where there are none.
    """

    @functools.wraps(function)
    def quiet(*args: Any) -> Any:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Explicitly requested dtype float64")
            return function(*args)

    return quiet


def kinetic_energy(state: Any) -> Float[Array, ""]:
    """Kinetic energy of all atoms, eV."""
    return jnp.sum(state.momentum**2 / state.mass) / 2


def _shift(positions: Array, displacements: Array, **_: Any) -> Array:
    return positions + displacements  # atoms may leave the cell


def _force(surface: Surface) -> Callable[..., Array]:
    def force(positions: Array, **_: Any) -> Array:
        return surface(positions, jnp.ones((), positions.dtype)).forces

    return force


def _no_force(positions: Array, **_: Any) -> Array:
    return jnp.zeros_like(positions)


def _no_energy(positions: Array, **_: Any) -> Array:
    return jnp.zeros((), positions.dtype)


def _scaled_energy(surface: Surface, edge: Array) -> Callable[..., Array]:
    """Energy as jax-md's barostat wants it, with the derivatives of ``evaluate``."""

    @jax.custom_vjp
    def energy(positions: Array, scale: Array, dilation: Array) -> Array:
        return surface(positions * dilation, scale * dilation).energy[0]

    def forward(positions: Array, scale: Array, dilation: Array) -> tuple:
        result = surface(positions * dilation, scale * dilation)
        size = (edge * scale) ** 3
        slope = jnp.trace(result.stress[0]) * size * dilation**2
        return result.energy[0], (-result.forces * dilation, slope)

    def backward(slopes: tuple, cotangent: Array) -> tuple:
        # The box is never differentiated by jax-md: volume changes go by dilation.
        return (slopes[0] * cotangent, jnp.zeros_like(cotangent), slopes[1] * cotangent)

    energy.defvjp(forward, backward)

    def scaled(
        positions: Array, *, box: Array, perturbation: Any = 1.0, **_: Any
    ) -> Array:
        dilation = jnp.asarray(perturbation, positions.dtype)
        return energy(positions, box[0, 0] / edge, dilation)

    return scaled


def _chain_energy(chain: Any, kt: Array | float) -> Array:
    """Energy of a Nosé–Hoover chain: Σ p²/2Q + kT (n ξ₁ + ξ₂ + …)."""
    kinetic = jnp.sum(chain.momentum**2 / (2 * chain.mass))
    weights = jnp.ones_like(chain.position).at[0].set(chain.degrees_of_freedom)
    return kinetic + kt * jnp.sum(weights * chain.position)
