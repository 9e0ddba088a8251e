"""Checks that users can run on their own models.

potential  checks of a potential
property   checks of a property network
"""

from matjax.testing.potential import CHECKS as CHECKS
from matjax.testing.potential import check_cell_choice as check_cell_choice
from matjax.testing.potential import check_continuity as check_continuity
from matjax.testing.potential import check_derivatives as check_derivatives
from matjax.testing.potential import check_export as check_export
from matjax.testing.potential import check_force_constants as check_force_constants
from matjax.testing.potential import (
    check_force_constants_in_float32 as check_force_constants_in_float32,
)
from matjax.testing.potential import check_jit as check_jit
from matjax.testing.potential import check_one_atom as check_one_atom
from matjax.testing.potential import check_padding_and_batch as check_padding_and_batch
from matjax.testing.potential import (
    check_parameter_gradients as check_parameter_gradients,
)
from matjax.testing.potential import check_permutation as check_permutation
from matjax.testing.potential import check_potential as check_potential
from matjax.testing.potential import check_precision as check_precision
from matjax.testing.potential import check_reflection as check_reflection
from matjax.testing.potential import check_rotation as check_rotation
from matjax.testing.potential import check_supercell as check_supercell
from matjax.testing.potential import check_translation as check_translation
from matjax.testing.potential import check_unknown_element as check_unknown_element
from matjax.testing.property import PROPERTY_CHECKS as PROPERTY_CHECKS
from matjax.testing.property import check_property_model as check_property_model
