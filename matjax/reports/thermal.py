"""The figure of thermal properties by temperature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matjax.lattice_dynamics import Thermal
from matjax.reports.captions import draw_remarks
from matjax.reports.drawing import new_figure, style
from matjax.units import BOLTZMANN, J_PER_MOL

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def thermal_figure(
    thermal: Thermal,
    *,
    n_atoms: int | None = None,
    title: str = "",
    remarks: Sequence[str] = (),
) -> Figure:
    """Energies, entropy and heat capacity of a cell against temperature.

    A remark says which share of the modes is imaginary and left out.

    Args:
        thermal: as :meth:`matjax.lattice_dynamics.Phonons.thermal` returns it.
        n_atoms: atoms of the cell; if given, the limit 3R per atom is drawn.
        title: such as :func:`figure_title` makes.
        remarks: what a reader must know about this crystal, such as its pressure.
    """
    t = thermal.temperatures
    left_out = float(thermal.fraction_imaginary)
    if left_out > 0:
        share = f"{100 * left_out:.2g} % of the modes are imaginary and left out"
        remarks = [share, *remarks]
    with style():
        figure, axes = new_figure(1, 3, width=7.2, height=2.5, title=title)
        energies, entropy, heat = axes[0]
        energies.plot(t, thermal.free_energy, label="free, $F$")
        energies.plot(t, thermal.internal_energy, label="internal, $U$")
        energies.legend()
        energies.set_ylabel("Energy per cell (eV)")
        entropy.plot(t, thermal.entropy)
        entropy.set_ylabel("$S$ per cell (J/(mol K))")
        heat.plot(t, thermal.heat_capacity)
        heat.set_ylabel("$C_V$ per cell (J/(mol K))")
        if n_atoms is not None:
            limit = 3 * BOLTZMANN * J_PER_MOL * n_atoms
            heat.axhline(limit, color="0.5", linewidth=0.8, linestyle="--")
            heat.annotate(
                "3R per atom",
                (t[0], limit),
                xytext=(4, -10),
                color="0.4",
                textcoords="offset points",
            )
        for panel in axes[0]:
            panel.set(xlabel="Temperature (K)", xlim=(t[0], t[-1]))
        for panel in (entropy, heat):
            panel.set_ylim(bottom=0)
        draw_remarks(energies, remarks)
    return figure
