"""What a study's keys are said to be: all of them, with bounds, units and defaults."""

import pytest

from matjax.config import dotted_keys
from matjax.studies import catalog, entries

SCHEMAS = {
    name: catalog.load_experiment(path).Config
    for name, path in catalog.experiments().items()
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_of_every_study_is_listed_and_explained(name):
    listed = {entry.key: entry for entry in entries(SCHEMAS[name])}
    assert listed.keys() <= set(dotted_keys(SCHEMAS[name]))
    assert {key.partition(".")[0] for key in listed} == set(SCHEMAS[name].model_fields)
    assert [entry.key for entry in listed.values() if not entry.text] == []


def test_an_entry_has_bounds_unit_and_default():
    listed = {entry.key: entry for entry in entries(SCHEMAS["md"])}
    assert listed["timestep"] == ("timestep", "float, > 0", "1.0", "fs.")
    assert listed["crystal"].default == ""
    assert listed["ensemble"].kind == "'nve', 'nvt', 'npt', 'langevin'"
