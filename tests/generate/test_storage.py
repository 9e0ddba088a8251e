"""Files of generators: all of it comes back, and other files are refused."""

import json

import pytest
from numpy.testing import assert_allclose

import matjax as mj
from matjax.errors import WeightsError
from matjax.generate import covering_generator, load_generator, save_generator
from tests.generate.test_generator import generator


@pytest.fixture(scope="module")
def predictor():
    return generator()


def test_a_file_keeps_all_of_it(predictor, tmp_path):
    path = save_generator(predictor, tmp_path / "oxides.safetensors")
    loaded = mj.load_generator(path)
    assert loaded.recipe == predictor.recipe
    assert loaded.model == predictor.model
    one, other = (g.sample("TiO2", seed=3)[0] for g in (predictor, loaded))
    assert_allclose(other.fractional, one.fractional, rtol=1e-12)
    with pytest.raises(FileExistsError):
        save_generator(predictor, path)


def test_other_files_are_refused(predictor, tmp_path):
    with pytest.raises(ValueError, match=r"name or an existing file.*'nothing'"):
        load_generator("nothing")
    path = tmp_path / "damaged.safetensors"
    save_generator(predictor, path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="has changed"):
        load_generator(path)


def test_a_file_without_its_recipe_is_refused(predictor, tmp_path):
    from matjax.weights import save_network

    path = tmp_path / "network.safetensors"
    for metadata in ({}, {"generator": json.dumps({"steps": 3})}):
        save_network(
            *(predictor.model, predictor.params, path, "denoiser"),
            metadata=metadata,
            overwrite=True,
        )
        with pytest.raises(WeightsError, match="does not describe a generator"):
            load_generator(path)


def test_the_generator_of_the_package_makes_perovskites():
    name, found = covering_generator("SrTiO3")
    assert name == "perov5-diffcsp"
    samples = mj.load_generator(name).sample("SrTiO3", n=3, seed=0)
    for crystal in samples:
        assert sorted(crystal.numbers.tolist()) == [8, 8, 8, 22, 38]
        # DFT has 12.0 Å³ by atom for the cubic crystal; the data are computed alike.
        assert 9 < float(crystal.volume) / 5 < 16
    with pytest.raises(ValueError, match="UO2"):
        covering_generator("UO2")
    assert found.recipe.process.elements == "given"
