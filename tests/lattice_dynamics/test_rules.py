"""Rules that exact force constants obey, and others are brought to obey."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.force_constants import from_grid
from matjax.lattice_dynamics import enforce, phonons, sum_rules, with_polar
from tests.force_constants.lattices import silicon, stillinger_weber

RULES = ("hermiticity", "space_group", "translation", "rotation", "huang")
NOISE = 1e-3  # eV/Å², of the largest 17
RNG = np.random.default_rng(3)


def interpolated(found, n=3):
    """The same phonons as force constants between atoms."""
    q = np.moveaxis(np.indices((n, n, n)), 0, -1) / n
    return found.replace(source=from_grid(found.crystal, found.force_constants(q)))


@pytest.fixture(scope="module")
def exact():
    return phonons(stillinger_weber(), silicon())


@pytest.fixture(scope="module")
def between_atoms(exact):
    return interpolated(exact)


@pytest.fixture(scope="module")
def noisy(between_atoms):
    source = between_atoms.source
    noise = NOISE * RNG.normal(size=source.blocks.shape)
    return between_atoms.replace(source=source.replace(blocks=source.blocks + noise))


def test_exact_force_constants_obey_what_is_known_of_them(exact):
    found = sum_rules(exact)
    for rule in ("hermiticity", "space_group", "translation"):
        violation = getattr(found, rule)
        assert_allclose(violation.residual, 0, atol=1e-12)  # round-off
        # THz: the root of round-off at Γ
        assert_allclose(violation.shift, 0, atol=1e-5)
    assert found.rotation is None
    assert found.huang is None


def test_force_constants_between_atoms_of_a_crystal_at_rest_obey_all(between_atoms):
    """The grid holds all neighbors that forces of Stillinger-Weber silicon reach."""
    for violation in sum_rules(between_atoms):
        assert_allclose(violation.residual, 0, atol=1e-11)  # round-off
        assert_allclose(violation.shift, 0, atol=1e-5)  # its root at Γ


def test_a_cell_under_stress_breaks_the_conditions_of_huang_only(exact):
    strained = silicon().strained(np.diag([0.01, -0.005, 0.0]))
    found = sum_rules(interpolated(phonons(stillinger_weber(), strained)))
    assert found.huang.residual > 0.1
    assert found.huang.shift > 1e-3
    for rule in ("hermiticity", "space_group", "translation", "rotation"):
        assert_allclose(getattr(found, rule).residual, 0, atol=1e-11)  # round-off


def test_the_residual_of_huang_is_the_stress():
    """[αβ,γδ] − [γδ,αβ] = 2V (σ_γδ δ_αβ − σ_αβ δ_γδ), for Σ over pairs of the cell.

    Born and Huang: for initial stress the brackets lose their symmetry by it.
    """
    strained = silicon().strained(np.diag([0.004, -0.002, 0.001]))
    found = interpolated(phonons(stillinger_weber(), strained))
    stress = stillinger_weber()(strained).stress * float(strained.volume)
    spread = np.ptp(np.diag(stress))
    assert_allclose(sum_rules(found).huang.residual, 2 * spread, rtol=1e-6)


def test_noise_breaks_every_rule_by_about_its_size(noisy):
    found = sum_rules(noisy)
    for rule in RULES:
        violation = getattr(found, rule)
        assert violation.residual > NOISE
        assert 0.1 * NOISE < violation.change < 100 * NOISE
    assert found.translation.shift > 0.1  # THz: the root of it at Γ


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_is_obeyed_once_enforced_and_enforced_only_once(noisy, rule):
    found = enforce(noisy, **{rule: True})
    violation = getattr(sum_rules(found), rule)
    assert_allclose(violation.residual, 0, atol=1e-11)  # round-off
    q = RNG.uniform(-1, 1, (4, 3))
    again = enforce(found, **{rule: True})
    assert_allclose(again.force_constants(q), found.force_constants(q), atol=1e-11)


def test_all_rules_together_bring_noisy_force_constants_closer(exact, noisy):
    found = enforce(noisy, **dict.fromkeys(RULES, True))
    for violation in sum_rules(found):
        assert_allclose(violation.residual, 0, atol=1e-11)  # round-off
    q = RNG.uniform(-1, 1, (20, 3))
    expected = exact.frequencies(q)
    before = abs(noisy.frequencies(q) - expected).mean()
    after = abs(found.frequencies(q) - expected).mean()
    assert after < 0.3 * before
    # Sound is what the rules are about: frequencies vanish at Γ, with a slope.
    near = np.array([[1e-3, 2e-3, 0]])
    assert_allclose(found.frequencies(near), exact.frequencies(near), rtol=0.05)


def test_rules_that_hold_change_nothing(exact, between_atoms):
    q = RNG.uniform(-1, 1, (4, 3))
    found = enforce(between_atoms, **dict.fromkeys(RULES, True))
    assert_allclose(found.force_constants(q), exact.force_constants(q), atol=1e-11)
    unasked = enforce(between_atoms)
    assert unasked.source is between_atoms.source


def test_the_change_is_the_smallest_that_obeys(noisy):
    """Any other force constants that obey the rule are farther away."""
    found = enforce(noisy, translation=True).source
    start = enforce(noisy, hermiticity=True).source
    distance = np.linalg.norm(found.blocks - start.blocks)
    for _ in range(3):
        blocks = start.blocks + RNG.normal(size=start.blocks.shape) * NOISE
        other = noisy.replace(source=start.replace(blocks=blocks))
        other = enforce(other, translation=True).source
        assert np.linalg.norm(other.blocks - start.blocks) > distance


def test_translations_of_any_source_become_free(exact):
    """Self terms spoiled by a constant are found and put back, and stay pure."""
    spoiled = enforce(exact, translation=True)
    drift = 0.01 * np.array([np.eye(3), np.diag([1.0, 2.0, 3.0])])
    spoiled = spoiled.replace(source=spoiled.source.replace(blocks=drift))
    found = sum_rules(spoiled).translation
    assert_allclose(found.residual, 0.03, rtol=1e-9)  # round-off
    assert_allclose(found.change, 0.03, rtol=1e-9)
    restored = enforce(spoiled, translation=True)
    q = RNG.uniform(-1, 1, (3, 3))
    assert_allclose(restored.frequencies(q), exact.frequencies(q), atol=1e-9)
    traced = jax.jit(restored.frequencies)(jnp.asarray(q[0]))
    assert_allclose(traced, exact.frequencies(q[0]), atol=1e-9)


def test_rules_are_enforced_below_a_macroscopic_field(noisy):
    charges = np.array([np.eye(3), -np.eye(3)])
    polar = with_polar(noisy, charges, 10 * np.eye(3), (3, 3, 3))
    found = enforce(polar, translation=True, space_group=True)
    assert_allclose(sum_rules(found).translation.residual, 0, atol=1e-11)  # round-off
    split = found.towards([1, 0, 0]).frequencies(np.zeros(3))
    assert split[5] - split[4] > 0.1  # the field is still there


def test_rules_that_a_source_cannot_take_are_refused(exact):
    with pytest.raises(ValueError, match="only the rule of translations"):
        enforce(exact, rotation=True)
    with pytest.raises(ValueError, match="three positive integers"):
        sum_rules(exact, mesh=(0, 1, 1))
    assert enforce(exact) is exact
