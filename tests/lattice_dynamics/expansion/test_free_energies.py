"""Thermal expansion against direct minimization, identities and phonopy."""

import warnings

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar

from matjax.force_constants import regular_mesh
from matjax.lattice_dynamics import phonons
from matjax.lattice_dynamics.expansion import (
    gruneisen_expansion,
    quasiharmonic,
)
from matjax.lattice_dynamics.expansion.equation_of_state import EQUATIONS
from matjax.units import BOLTZMANN, GPA, J_PER_MOL, PLANCK_THZ, THZ
from tests.force_constants.lattices import DISTANCE, fcc
from tests.lattice_dynamics.expansion.morse_bonds import (
    DEPTH,
    MESH,
    TEMPERATURES,
    WIDTH,
)

ROOM = 30  # row of 300 K


class Textbook:
    """The same crystal by formulas: six bonds an atom, springs and their tension."""

    def __init__(self):
        cells = np.indices((3, 3, 3)).reshape(3, -1).T - 1
        lengths = np.linalg.norm(cells @ fcc().cell, axis=1)
        self.bonds = cells[np.isclose(lengths, DISTANCE)]
        self.units = self.bonds @ fcc().cell / DISTANCE
        self.mesh = regular_mesh(fcc(), MESH, symmetry=False)

    def frequencies(self, volume):
        r = DISTANCE * (volume / fcc().volume) ** (1 / 3)
        decay = np.exp(-WIDTH * (r - DISTANCE))
        tension = 2 * DEPTH * WIDTH * decay * (1 - decay) / r
        stiffness = 2 * DEPTH * WIDTH**2 * decay * (2 * decay - 1)
        outer = self.units[:, :, None] * self.units[:, None, :]
        blocks = stiffness * outer + tension * (np.eye(3) - outer)
        factors = 1 - np.cos(2 * np.pi * self.mesh.q @ self.bonds.T)
        matrices = np.tensordot(factors, blocks, 1) / fcc().masses[0]
        return THZ * np.sqrt(np.linalg.eigvalsh(matrices)[1:])  # the first point is Γ

    def free_energy(self, volume, temperature):
        r = DISTANCE * (volume / fcc().volume) ** (1 / 3)
        static = 6 * DEPTH * ((1 - np.exp(-WIDTH * (r - DISTANCE))) ** 2 - 1)
        quanta = PLANCK_THZ * self.frequencies(volume)
        kt = BOLTZMANN * temperature
        each = quanta / 2 + kt * np.log(-np.expm1(-quanta / kt))
        return static + each.sum() / len(self.mesh.q)

    def volume(self, temperature):
        start = fcc().volume * np.array([0.99, 1.06])
        return minimize_scalar(
            self.free_energy,
            bounds=start,
            args=(temperature,),
            method="bounded",
            options={"xatol": 1e-9},
        ).x


def test_volume_expansion_and_stiffness_are_those_of_direct_minimization(found):
    exact = Textbook()
    t, v = TEMPERATURES[ROOM], found.volume[ROOM]
    # The equation of state misses F by 1e-7 eV.
    assert_allclose(v, exact.volume(t), rtol=3e-6)
    ahead, behind = exact.volume(t + 5), exact.volume(t - 5)
    assert_allclose(found.expansion[ROOM], (ahead - behind) / 10 / v, rtol=1e-3)
    h = 1e-3 * v
    f = [exact.free_energy(v + k * h, t) for k in (-1, 0, 1)]
    bulk = v * (f[0] - 2 * f[1] + f[2]) / h**2 * GPA
    assert_allclose(found.bulk_modulus[ROOM], bulk, rtol=2e-3)
    assert_allclose(found.gibbs_energy[ROOM], f[1], atol=1e-6)


@pytest.mark.parametrize("equation", EQUATIONS)
def test_expansion_is_the_derivative_of_the_volume(scan, equation):
    found = quasiharmonic(scan, equation=equation)
    step = TEMPERATURES[1]
    slopes = (found.volume[2:] - found.volume[:-2]) / (2 * step) / found.volume[1:-1]
    # h² of the differences, at 100 K and above
    assert_allclose(found.expansion[10:-1], slopes[9:], rtol=3e-3)
    entropy = -(found.gibbs_energy[2:] - found.gibbs_energy[:-2]) / (2 * step)
    assert_allclose(found.entropy[10:-1], entropy[9:] * J_PER_MOL, rtol=3e-3)


def test_heat_capacities_and_bulk_moduli_satisfy_their_identities(found):
    excess = found.temperatures * found.volume * found.expansion**2
    excess *= found.bulk_modulus / GPA * J_PER_MOL
    assert_allclose(found.heat_capacity_p - found.heat_capacity_v, excess, atol=1e-12)
    # C_p = T dS/dT, with the entropy of the fit: h² and the fit
    slope = (found.entropy[2:] - found.entropy[:-2]) / (2 * TEMPERATURES[1])
    expected = found.temperatures[1:-1] * slope
    assert_allclose(found.heat_capacity_p[10:-1], expected[9:], rtol=3e-3)
    assert_allclose(
        found.bulk_modulus_adiabatic[1:] / found.bulk_modulus[1:],
        found.heat_capacity_p[1:] / found.heat_capacity_v[1:],
        rtol=1e-12,
    )
    gamma = found.gruneisen[1:]
    product = found.volume * found.expansion * found.bulk_modulus / GPA * J_PER_MOL
    assert_allclose(gamma, product[1:] / found.heat_capacity_v[1:], rtol=1e-12)


def test_nothing_expands_at_absolute_zero(found):
    assert found.expansion[0] == 0
    assert found.heat_capacity_p[0] == found.heat_capacity_v[0] == 0
    assert found.bulk_modulus[0] == found.bulk_modulus_adiabatic[0]
    assert np.isnan(found.gruneisen[0])
    # Zero-point motion alone makes it larger than the springs want.
    assert found.volume[0] > fcc().volume


def test_one_volume_and_its_gruneisen_parameters_say_the_same(morse, found):
    ratio = found.volume[ROOM] / fcc().volume
    crystal = fcc().replace(cell=fcc().cell * ratio ** (1 / 3))
    alpha = gruneisen_expansion(
        phonons(morse, crystal), [300.0], float(found.bulk_modulus[ROOM]), mesh=MESH
    )
    # The equation of state misses ∂S/∂V by this much.
    assert_allclose(alpha[0], found.expansion[ROOM], rtol=1e-3)


def test_pressure_takes_the_volume_that_the_enthalpy_says(scan, found):
    step = 0.05  # GPa
    ahead, behind = (quasiharmonic(scan, pressure=s * step) for s in (1, -1))
    slope = (ahead.gibbs_energy - behind.gibbs_energy) / (2 * step / GPA)
    assert_allclose(slope, found.volume, rtol=1e-5)  # h² of the differences
    stiffness = -found.volume * 2 * step / (ahead.volume - behind.volume)
    assert_allclose(stiffness, found.bulk_modulus, rtol=1e-4)  # likewise


@pytest.mark.parametrize("equation", EQUATIONS)
def test_the_same_numbers_give_what_phonopy_finds(scan, equation):
    phonopy = pytest.importorskip("phonopy")
    found = quasiharmonic(scan, equation=equation)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = phonopy.PhonopyQHA(
            scan.volumes,
            scan.energies,
            eos=equation,
            temperatures=TEMPERATURES,
            free_energy=scan.free_energies.T * J_PER_MOL / 1000,
            cv=scan.heat_capacities.T,
            entropy=scan.entropies.T,
            t_max=TEMPERATURES[-3],
        )
    n = len(other.thermal_expansion)
    assert n > 50
    # The tolerance of its optimizer
    assert_allclose(found.volume[:n], other.volume_temperature[:n], rtol=1e-6)
    assert_allclose(found.bulk_modulus[:n], other.bulk_modulus_temperature[:n], 1e-4)
    assert_allclose(found.gibbs_energy[:n], other.gibbs_temperature[:n], atol=1e-6)
    # It takes differences of the volume over 10 K.
    assert_allclose(found.expansion[10:n], other.thermal_expansion[10:], rtol=5e-3)
    heat = np.array(other.heat_capacity_P_polyfit)
    assert_allclose(found.heat_capacity_p[10 : len(heat)], heat[10:], rtol=1e-3)


def test_volumes_that_do_not_enclose_the_minimum_are_refused(scan):
    with pytest.raises(ValueError, match=r"enclose the minimum .* at \d+ K .* outside"):
        quasiharmonic(scan, pressure=-10.0)
    with pytest.raises(ValueError, match=r"must have a minimum|enclose the minimum"):
        quasiharmonic(scan._replace(energies=-scan.energies))


def test_fits_that_cannot_be_made_are_refused(scan):
    with pytest.raises(ValueError, match="equation must be one of vinet, birch"):
        quasiharmonic(scan, equation="parabola")
    with pytest.raises(ValueError, match="five volumes or more"):
        quasiharmonic(scan._replace(volumes=np.repeat(scan.volumes[:2], 5)))
    with (
        jax.enable_x64(False),
        pytest.raises(ValueError, match="quasi-harmonic fits need float64"),
    ):
        quasiharmonic(scan)
