"""A distillation is set up from its keys: material, student, files of the judgment."""

import pytest

from matjax.config import ConfigError, build_config
from matjax.distillation import material_of_phonopy
from matjax.lattice_dynamics.phonopy import write_phonopy
from matjax.studies import Run, TeachingConfig, copies_per_device
from tests.distillation.noble import pair_potential
from tests.force_constants.ionic import rocksalt, spring_phonons


def test_force_constants_alone_need_a_pretrained_potential():
    settings = {"phonopy": {"salt": "folder"}}
    with pytest.raises(ConfigError, match="say nothing of energies"):
        build_config(TeachingConfig, settings)
    settings["pretrained"] = "nequix-mp-1"
    with pytest.raises(ConfigError, match="references=false"):
        build_config(TeachingConfig, {**settings, "references": True})
    assert build_config(TeachingConfig, settings).phonopy == {"salt": "folder"}


def test_material_and_student_come_from_what_is_named(tmp_path):
    write_phonopy(tmp_path / "salt", spring_phonons(rocksalt()), (2, 2, 2))
    config = build_config(
        TeachingConfig,
        {
            "pretrained": pair_potential(tmp_path / "student.safetensors"),
            "phonopy": {"salt": str(tmp_path / "salt")},
            "labels": {"n_columns": 6, "potential_precision": "float32"},
        },
    )
    run = Run(tmp_path / "run")
    material = config.material(run)
    expected = material_of_phonopy(config.phonopy, config.labels, seed=config.seed)
    assert material.counts() == expected.counts()
    assert config.starting_potential(material).dtype == "float32"
    assert config.beside(run) == {}
    assert run.files == []


def test_both_potentials_decide_what_can_be_learned(tmp_path):
    argon = "lennard-jones-ar"
    config = TeachingConfig(
        teacher=argon, pretrained=pair_potential(tmp_path / "student.safetensors")
    )
    assert config.domain.species == {18}
    assert config.domain.cutoff == TeachingConfig(teacher=argon).domain.cutoff


def test_copies_of_a_step_are_taken_in_turns():
    assert copies_per_device(3) == 3  # one device
