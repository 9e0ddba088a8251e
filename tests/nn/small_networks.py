"""Small equivariant networks."""

from matjax.models.potentials import MACE, NequIP

SMALL = {"species": (8, 14), "cutoff": 4.0, "basis": 4, "radial_widths": (8,)}


NETWORKS = {
    "nequip": NequIP(
        hidden="4x0e + 4x1o", layers=2, lmax=1, scale=2.0, shift=-3.0, **SMALL
    ),
    "mace": MACE(
        hidden="4x0e + 4x1o",
        layers=2,
        lmax=1,
        correlation=2,
        readout_width=0,
        scale=2.0,
        shift=-3.0,
        **SMALL,
    ),
}
