"""Into the latent space, out of it, and along a property in it."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax.crystals import Crystal
from matjax.generate import (
    decode_latents,
    encode_latents,
    optimize_latents,
    property_of,
    sample_latents,
)
from matjax.generate.latent import sizes_of
from tests.generate import variational
from tests.generate.test_generator import generator as without_latents

TELLS = {"label": "gap", "scale": 2.0, "shift": 1.0}


@pytest.fixture(scope="module")
def generator():
    return variational.generator("cdvae", **TELLS)


def test_latents_of_a_seed_are_the_same_in_any_number(generator):
    one, several = (sample_latents(generator, n, seed=2) for n in (1, 5))
    assert several.shape == (5, 4)
    assert_allclose(several[:1], one, rtol=1e-12)
    assert np.abs(sample_latents(generator, 1, seed=3) - one).max() > 1e-3


def test_the_prior_is_the_standard_normal_distribution(generator):
    drawn = np.asarray(sample_latents(generator, 2000))
    # 8,000 numbers: four standard errors.
    assert_allclose([drawn.mean(), drawn.var()], [0, 1], atol=4 * np.sqrt(2 / 8000))


def test_crystals_of_latents_are_those_that_the_generator_samples(generator):
    latents = sample_latents(generator, 3, seed=4)
    made = decode_latents(generator, latents, seed=4)
    for crystal, other in zip(made.finite, generator.sample(n=3, seed=4), strict=True):
        assert crystal.numbers.tolist() == other.numbers.tolist()
        assert_allclose(crystal.fractional, other.fractional, atol=1e-9)
    sizes = sizes_of(generator.model, generator.params, latents)
    assert [c.n_atoms for c in made.finite] == sizes.tolist()


def test_a_crystal_has_the_latent_of_its_images_and_rotations(generator):
    crystal = variational.crystal([38, 22, 8, 8, 8])
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    places = crystal.fractional + np.array([0.3, 1.9, -2.0])
    moved = Crystal.create(crystal.numbers, crystal.cell @ turn, fractional=places)
    latents = encode_latents(generator, [crystal, moved])
    assert_allclose(latents[0], latents[1], atol=1e-8)
    other = encode_latents(generator, [variational.crystal([22, 8, 8])])
    assert np.abs(other - latents[:1]).max() > 1e-4


def test_a_property_falls_rises_or_comes_near_to_a_value(generator):
    start = sample_latents(generator, 4, seed=1)
    values = property_of(generator, start)
    about = {"steps": 300, "rate": 0.02}
    smaller = optimize_latents(generator, start, goal="smallest", **about)
    larger = optimize_latents(generator, start, goal="largest", **about)
    assert (property_of(generator, smaller) < values - 0.1).all()
    assert (property_of(generator, larger) > values + 0.1).all()
    wanted = float(values.mean())
    near = property_of(
        generator, optimize_latents(generator, start, goal=wanted, **about)
    )
    assert np.abs(near - wanted).max() < 0.1 * np.abs(values - wanted).max()


@pytest.mark.slow
def test_latents_of_a_value_depend_on_it():
    con = variational.generator("cdvae", prior="diffusion", told=("property",), **TELLS)
    one, other = (sample_latents(con, 3, value=v) for v in (0.0, 5.0))
    assert one.shape == (3, 4)
    assert np.abs(one - other).max() > 1e-6
    again = sample_latents(con, 6, value=5.0)
    assert_allclose(again[:3], other, rtol=1e-9)
    with pytest.raises(ValueError, match=r"of a value of 'gap': draw them by sample_l"):
        con.sample(n=2)


def test_what_a_generator_cannot_do_is_said(generator):
    plain = without_latents(elements="absorbing")
    with pytest.raises(ValueError, match="DiffCSP has no latents"):
        sample_latents(plain, 2)
    with pytest.raises(ValueError, match="leave it out"):
        sample_latents(generator, 2, value=1.0)
    with pytest.raises(ValueError, match="use its sample method with a formula"):
        sample_latents(variational.told("symat"), 2)
    silent = variational.generator("symat")
    with pytest.raises(ValueError, match="no property is read"):
        optimize_latents(silent, jnp.zeros((1, 12)))
    with pytest.raises(ValueError, match=r"\[56\] are unknown to the generator"):
        encode_latents(generator, [variational.crystal([56, 8, 8])])
