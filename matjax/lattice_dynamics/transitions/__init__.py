"""Unstable crystals: the softest modes of the zone, and the way down from them.

stability        where the zone is softest
order_parameter  displacements of a soft mode and their symmetry
modulation       the way down from an unstable crystal
"""

from matjax.lattice_dynamics.transitions.modulation import Branch as Branch
from matjax.lattice_dynamics.transitions.modulation import Descent as Descent
from matjax.lattice_dynamics.transitions.modulation import (
    FollowSettings as FollowSettings,
)
from matjax.lattice_dynamics.transitions.modulation import Stage as Stage
from matjax.lattice_dynamics.transitions.modulation import descend as descend
from matjax.lattice_dynamics.transitions.modulation import follow_mode as follow_mode
from matjax.lattice_dynamics.transitions.order_parameter import (
    commensurate_cell as commensurate_cell,
)
from matjax.lattice_dynamics.transitions.stability import SoftMode as SoftMode
from matjax.lattice_dynamics.transitions.stability import Stability as Stability
from matjax.lattice_dynamics.transitions.stability import (
    examine_stability as examine_stability,
)
from matjax.lattice_dynamics.transitions.stability import lowest_mode as lowest_mode
from matjax.lattice_dynamics.transitions.stability import mode_at as mode_at
