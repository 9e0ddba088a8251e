"""Exchange with phonopy, its files and viewers of modes.

interchange       phonons from the files of phonopy
phonopy_yaml      parser of its yaml files, against a schema
phonopy_files     parsers of its plain files
export            files for phonopy, the phonon website, viewers of modes
supercell_method  phonons by phonopy and supercells, to compare with
"""

from matjax.lattice_dynamics.phonopy.export import write_animation as write_animation
from matjax.lattice_dynamics.phonopy.export import (
    write_phononwebsite as write_phononwebsite,
)
from matjax.lattice_dynamics.phonopy.export import write_phonopy as write_phonopy
from matjax.lattice_dynamics.phonopy.interchange import read_phonopy as read_phonopy
from matjax.lattice_dynamics.phonopy.supercell_method import (
    FiniteDisplacements as FiniteDisplacements,
)
from matjax.lattice_dynamics.phonopy.supercell_method import (
    finite_displacements as finite_displacements,
)
