"""What figures of time and memory show."""

from numpy.testing import assert_allclose

from matjax.reports import neighbor_cost_figure, phonon_cost_figure


def row(crystal, route, seconds, error):
    return {"crystal": crystal, "route": route, "seconds": seconds, "error_THz": error}


def test_each_crystal_has_a_panel_with_its_routes():
    rows = [
        row("Si", "exact", 9.0, 0.0),
        row("Si", "default", 1.0, 0.05),
        row("Si", "tolerance", 2.0, 0.02),
        row("Si", "supercell_2", 3.0, 0.5),
        row("Si", "supercell_3", 8.0, 0.1),
        row("NaCl", "default", 1.5, 0.04),
    ]
    first, second = phonon_cost_figure(rows, 0.1).axes
    assert (first.get_title(), second.get_title()) == ("Si", "NaCl")
    cells, default, _, limit = first.get_lines()
    assert_allclose(cells.get_xdata(), [3, 8])
    assert_allclose(default.get_ydata(), [0.05])
    assert_allclose(limit.get_ydata(), 0.1)
    assert [text.get_text() for text in first.texts] == ["2³", "3³"]


def test_buffers_are_drawn_beside_the_peak_of_matjax_alone():
    rows = [
        {"code": code, "n_atoms": n, "seconds": n / 100, "peak_MB": 2 * n}
        | ({"buffers_MB": n} if code == "matjax" else {})
        for code in ("matjax", "vesin")
        for n in (8, 64)
    ]
    time, memory = neighbor_cost_figure(rows, ["matjax", "vesin"]).axes
    assert len(time.get_lines()) == 2
    labels = [line.get_label() for line in memory.get_lines()]
    assert labels == ["matjax", "its buffers", "vesin"]
    assert_allclose(memory.get_lines()[1].get_ydata(), [8, 64])
