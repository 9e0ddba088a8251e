"""Files of a calculation, written once."""

import pytest

from tests.lattice_dynamics.phonopy.calculations import (
    displaced,
    file_io,
    with_born,
    write_disp,
)


@pytest.fixture(scope="session")
def texts(tmp_path_factory):
    """Files of a calculation, by name."""
    folder = tmp_path_factory.mktemp("calculation")
    made = with_born(displaced("rocksalt"))
    params = made.nac_params
    file_io.write_BORN(
        made.primitive, params["born"], params["dielectric"], folder / "BORN"
    )
    made.save(folder / "phonopy_params.yaml")
    made.nac_params = None
    write_disp(made, folder)
    made.produce_force_constants()
    file_io.write_FORCE_CONSTANTS(made.force_constants, folder / "FORCE_CONSTANTS")
    return {path.name: path.read_text() for path in folder.iterdir()}
