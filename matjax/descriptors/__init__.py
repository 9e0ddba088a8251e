"""Descriptors of atomic environments: pure functions of a graph, one row for each atom.

symmetry_functions   Behler's radial and angular symmetry functions
soap                 smooth overlap of atomic positions: power spectra of densities
density_expansion    densities of neighbors in radial functions and harmonics
"""

from typing import TYPE_CHECKING

from matjax.lazy import import_when_used

if TYPE_CHECKING:
    from matjax.descriptors.density_expansion import (
        density_coefficients as density_coefficients,
    )
    from matjax.descriptors.soap import DVRBasis as DVRBasis
    from matjax.descriptors.soap import GTOBasis as GTOBasis
    from matjax.descriptors.soap import power_spectrum as power_spectrum
    from matjax.descriptors.soap import soap_features as soap_features
    from matjax.descriptors.symmetry_functions import (
        SymmetryFunctions as SymmetryFunctions,
    )
    from matjax.descriptors.symmetry_functions import acsf as acsf
    from matjax.descriptors.symmetry_functions import usual_functions as usual_functions

import_when_used(__name__)
