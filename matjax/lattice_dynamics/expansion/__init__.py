"""Thermal expansion: free energies at several volumes.

volumes            free energies at several volumes (quasiharmonic)
equation_of_state  energy by volume, fitted (quasiharmonic)
free_energies      thermal expansion, bulk moduli and C_p by temperature
"""

from matjax.lattice_dynamics.expansion.free_energies import (
    QuasiHarmonic as QuasiHarmonic,
)
from matjax.lattice_dynamics.expansion.free_energies import (
    gruneisen_expansion as gruneisen_expansion,
)
from matjax.lattice_dynamics.expansion.free_energies import (
    quasiharmonic as quasiharmonic,
)
from matjax.lattice_dynamics.expansion.volumes import VolumeScan as VolumeScan
from matjax.lattice_dynamics.expansion.volumes import thermal_scan as thermal_scan
from matjax.lattice_dynamics.expansion.volumes import volume_scan as volume_scan
from matjax.lattice_dynamics.expansion.volumes import volume_series as volume_series
