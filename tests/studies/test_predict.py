"""Tables of properties: files in order, failures beside results, no file replaced."""

import csv
import json
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from matjax import cli
from matjax.crystals import Crystal, write
from matjax.data import entry, source_parts
from matjax.models.properties import CGCNN
from matjax.predictors import Label, PropertyPredictor
from matjax.studies import predict
from matjax.weights import save_predictor


class ByAtom(nn.Module):
    """A number of each atom."""

    species: tuple[int, ...] = (14, 32)
    properties: tuple[str, ...] = ("shift",)
    cutoff: float = 3.0

    @nn.compact
    def __call__(self, graph):
        """The same one."""
        scale = self.param("scale", nn.initializers.ones, ())
        return {"shift": scale * jnp.ones(graph.node_mask.shape)}


MODEL = CGCNN(
    species=(14, 32), properties=("cohesion",), cutoff=4.0, features=3, layers=1
)
COHESION = PropertyPredictor.create(MODEL, ("eV/atom",))
MODULUS = PropertyPredictor.create(
    MODEL.clone(properties=("bulk_modulus",)), ("GPa",), logarithmic=(True,), seed=1
)
COLUMNS = ["cohesion_eV_per_atom", "bulk_modulus_GPa"]


def diamond(symbol: str, a: float) -> Crystal:
    cell = a / 2 * (1 - np.eye(3))
    return Crystal.create([symbol] * 2, cell, fractional=[[0] * 3, [0.25] * 3])


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder of structures; commands run beside it with small networks."""
    monkeypatch.setattr(cli, "set_up_jax", lambda config: None)
    both = {"cohesion": COHESION, "modulus": MODULUS}
    monkeypatch.setattr(predict, "available_predictors", lambda: both)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "structures"
    folder.mkdir()
    write(folder / "silicon.cif", diamond("Si", 5.43))
    write(folder / "b.vasp", diamond("Ge", 5.66))
    return folder


def rows(path: str = "table.csv") -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_table_has_a_row_for_each_file_by_name_and_units_in_its_columns(folder):
    assert cli.main(["predict", "structures", "--out", "table.csv"]) == 0
    table = rows()
    assert list(table[0]) == ["file", "structure", "formula", *COLUMNS, "failure"]
    assert [row["file"] for row in table] == ["b.vasp", "silicon.cif"]
    assert [row["formula"] for row in table] == ["Ge2", "Si2"]
    expected = [p(diamond("Si", 5.43)) for p in (COHESION, MODULUS)]
    found = [float(table[1][name]) for name in COLUMNS]
    # seven digits are written
    assert_allclose(found, [v for e in expected for v in e.values.values()], rtol=1e-6)


def test_single_file_gives_all_its_structures(folder):
    crystals = [diamond("Si", a) for a in (5.3, 5.4, 5.5)]
    write("several.extxyz", crystals)
    assert cli.main(["predict", "several.extxyz", "--out", "new/table.csv"]) == 0
    table = rows("new/table.csv")
    assert [row["structure"] for row in table] == ["0", "1", "2"]
    assert len({row["cohesion_eV_per_atom"] for row in table}) == 3


def test_what_cannot_be_predicted_is_told_and_the_rest_goes_on(folder, caplog):
    (folder / "a.cif").write_text("nonsense")
    (folder / "empty.vasp").touch()
    write(folder / "iron.vasp", diamond("Fe", 5.0))
    (folder / "sub").mkdir()
    (folder / ".hidden").write_text("not a structure")
    assert cli.main(["predict", "structures", "--out", "table.csv"]) == 1
    assert "3 of 5 rows lack predictions, the first of a.cif" in caplog.text
    table = {row["file"]: row for row in rows()}
    assert list(table) == ["a.cif", "b.vasp", "empty.vasp", "iron.vasp", "silicon.cif"]
    assert "must hold a structure" in table["a.cif"]["failure"]
    assert "is empty" in table["empty.vasp"]["failure"]
    assert "the crystal holds Fe" in table["iron.vasp"]["failure"]
    for name in ("b.vasp", "silicon.cif"):
        assert table[name]["failure"] == ""
        assert np.isfinite(float(table[name]["cohesion_eV_per_atom"]))
    assert table["a.cif"]["cohesion_eV_per_atom"] == ""


def test_crystal_that_no_graph_can_be_made_of_fails_alone(folder):
    twice = diamond("Si", 5.43).replace(fractional=np.zeros((2, 3)))
    write(folder / "twice.vasp", twice)
    assert cli.main(["predict", "structures", "--out", "table.csv"]) == 1
    failures = [row["failure"] for row in rows()]
    assert failures[:2] == ["", ""]
    assert "atoms must lie at least" in failures[2]


def test_frame_that_is_none_leaves_the_others_of_its_file(folder):
    crystals = [diamond("Si", a) for a in (5.3, 5.4, 5.5)]
    write("several.extxyz", crystals)
    frames = Path("several.extxyz").read_text().split("2\n")[1:]
    frames[1] = frames[1].replace("0.00000000", "nan", 1)
    (folder / "several.extxyz").write_text("2\n" + "2\n".join(frames))
    assert cli.main(["predict", "structures", "--out", "table.csv"]) == 1
    mine = [row for row in rows() if row["file"] == "several.extxyz"]
    assert [row["structure"] for row in mine] == ["0", "1", "2"]
    assert [bool(row["failure"]) for row in mine] == [False, True, False]
    assert "nan" in mine[1]["failure"]


@pytest.mark.parametrize(
    "error",
    [KeyError("x"), RecursionError(), MemoryError(), RuntimeError("a"), TypeError(1)],
)
def test_any_error_of_a_parser_is_the_failure_of_its_file(folder, monkeypatch, error):
    (folder / "odd.xyz").write_text("odd")
    read_with_values = entry.read_with_values

    def read(path):
        if path.name == "odd.xyz":
            raise error
        return read_with_values(path)

    monkeypatch.setattr(entry, "read_with_values", read)
    assert cli.main(["predict", "structures", "--out", "table.csv"]) == 1
    failures = {row["file"]: row["failure"] for row in rows()}
    assert type(error).__name__ in failures["odd.xyz"]
    assert failures["b.vasp"] == failures["silicon.cif"] == ""


@pytest.mark.parametrize("value", ["error", "nan"])
def test_any_failure_of_a_network_is_that_of_its_crystal(folder, monkeypatch, value):
    of_graph = PropertyPredictor.of_graph

    def fail(predictor, graph):
        if 32 in np.asarray(graph.numbers) and value == "error":
            raise RuntimeError("RESOURCE_EXHAUSTED: out of memory")
        if 32 in np.asarray(graph.numbers):
            params = jax.tree.map(lambda x: np.nan * x, predictor.params)
            predictor = predictor.replace(params=params)
        return of_graph(predictor, graph)

    monkeypatch.setattr(PropertyPredictor, "of_graph", fail)
    assert cli.main(["predict", "structures", "--out", "table.csv"]) == 1
    table = {row["file"]: row for row in rows()}
    told = {"error": "RESOURCE_EXHAUSTED", "nan": "must be finite; cohesion of"}
    assert told[value] in table["b.vasp"]["failure"]
    assert table["b.vasp"]["bulk_modulus_GPa"] == ""
    assert table["silicon.cif"]["failure"] == ""


def test_a_network_that_fails_leaves_the_others_their_columns(folder, monkeypatch):
    knows_iron = PropertyPredictor.create(
        MODEL.clone(species=(14, 26, 32)), ("eV/atom",), n_members=2, calibration=(2.0,)
    )
    networks = {"cohesion": COHESION, "modulus": MODULUS, "second.x": knows_iron}
    monkeypatch.setattr("matjax.studies.available_predictors", lambda: networks)
    write(folder / "iron.vasp", diamond("Fe", 5.0))
    assert cli.main(["predict", "structures", "--out", "table.csv"]) == 1
    table = {row["file"]: row for row in rows()}
    second = [
        "cohesion_eV_per_atom (second)",
        "cohesion_uncertainty_eV_per_atom (second)",
    ]
    assert list(table["iron.vasp"])[3:-1] == [*COLUMNS, *second]
    assert [bool(table["iron.vasp"][c]) for c in COLUMNS] == [False, False]
    found = knows_iron(diamond("Fe", 5.0))
    expected = [found.value, found.uncertainty]
    numbers = [float(table["iron.vasp"][c]) for c in second]
    assert_allclose(numbers, expected, rtol=1e-4)  # float32, in a larger batch
    failure = table["iron.vasp"]["failure"]
    assert failure.startswith("cohesion, modulus: ")
    assert "the crystal holds Fe" in failure
    assert table["silicon.cif"]["failure"] == ""


def test_networks_are_named_and_must_fit_a_table(folder):
    path = save_predictor(COHESION, folder.parent / "mine.safetensors")
    words = ["predict", "structures", "--out", "table.csv", "--predictor", str(path)]
    assert cli.main(words) == 0
    assert COLUMNS[0] in rows()[0]
    assert COLUMNS[1] not in rows()[0]
    by_atom = PropertyPredictor.create(
        ByAtom(), [Label("shift", "atom", (), "ppm")], params={"scale": np.ones(())}
    )
    assert not predict._fits_a_table(by_atom)


def test_interrupted_table_holds_what_was_done(folder, monkeypatch, caplog):
    crystals = [diamond("Si", a) for a in (5.3, 5.4, 5.5)]
    write("several.extxyz", crystals)
    monkeypatch.setattr(predict, "BATCH", 1)
    fill, n_calls = predict._fill, []

    def interrupt(rows, waiting, predictors):
        n_calls.append(1)
        if len(n_calls) == 3:
            raise KeyboardInterrupt
        return fill(rows, waiting, predictors)

    monkeypatch.setattr(predict, "_fill", interrupt)
    words = ["predict", "several.extxyz", "--out", "table.csv"]
    assert cli.main(words) == 130
    assert "table.csv holds the first 2 structures" in caplog.text
    assert len(rows()) == 2
    n_calls.clear()
    assert cli.main([*words, "--overwrite"]) == 130
    assert len(rows()) == 2  # the old table stays until a whole one replaces it


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_names_are_no_formulas_of_a_spreadsheet(folder, start):
    (folder / "b.vasp").rename(folder / f"{start}1+cmd.vasp")
    (folder / f"{start}x.cif").write_text("nonsense")
    cli.main(["predict", "structures", "--out", "table.csv"])
    names = {row["file"] for row in rows()}
    assert names == {f"'{start}1+cmd.vasp", f"'{start}x.cif", "silicon.cif"}


def test_nothing_is_written_through_a_link_or_left_behind(folder):
    Path("victim").write_text("mine")
    Path("table.csv.part").symlink_to("victim")
    assert cli.main(["predict", "structures", "--out", "table.csv"]) == 0
    assert Path("victim").read_text() == "mine"
    assert {p.name for p in Path().iterdir()} == {
        *("structures", "victim", "table.csv.part", "table.csv")
    }


def test_folder_is_no_table(folder, caplog):
    words = ["predict", "structures", "--out", "structures", "--overwrite"]
    assert cli.main(words) == 1
    assert "the name of a table is needed, such as structures/table.csv" in caplog.text


def test_batches_do_not_change_predictions(folder, monkeypatch):
    crystals = [diamond("Si", 5.3), diamond("Ge", 5.6), diamond("Si", 5.5)]
    write("several.extxyz", crystals)
    files = ["several.extxyz"]
    together = list(predict.predict_files(files, {"cohesion": COHESION}))
    monkeypatch.setattr(predict, "BATCH", 2)
    monkeypatch.setattr(predict, "BATCH_ATOMS", 3)
    apart = list(predict.predict_files(files, {"cohesion": COHESION}))
    for a, b in zip(together, apart, strict=True):
        # float32
        assert_allclose(a.values[COLUMNS[0]], b.values[COLUMNS[0]], rtol=1e-5)


def test_tables_and_lists_of_structures_are_sources_too(folder):
    text = (folder / "silicon.cif").read_text()
    with Path("many.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "cif"], ["a", text], ["b", "no"]])
    crystal = diamond("Ge", 5.66)
    sites = [
        {"species": [{"element": "Ge", "occu": 1}], "abc": place}
        for place in np.asarray(crystal.fractional).tolist()
    ]
    structure = {"lattice": {"matrix": crystal.cell.tolist()}, "sites": sites}
    Path("list.json").write_text(json.dumps([structure, structure]))
    assert cli.main(["predict", "many.csv", "--out", "table.csv"]) == 1
    first, second = rows()
    assert (first["file"], first["structure"], first["formula"]) == (
        *("many.csv", "0", "Si2"),
    )
    assert "must hold a structure" in second["failure"]
    words = ["predict", "list.json", "--out", "table.csv", "--overwrite"]
    assert cli.main(words) == 0
    assert [row["formula"] for row in rows()] == ["Ge2", "Ge2"]


def test_progress_counts_files(folder):
    seen = []

    def progress(files, description):
        for path in files:
            seen.append((Path(path).name, description))
            yield path

    files = source_parts(str(folder))
    list(predict.predict_files(files, {"cohesion": COHESION}, progress=progress))
    assert seen == [("b.vasp", "predicting"), ("silicon.cif", "predicting")]


def test_table_is_not_overwritten_unless_asked(folder, caplog):
    Path("table.csv").write_text("mine")
    words = ["predict", "structures", "--out", "table.csv"]
    assert cli.main(words) == 1
    assert "table.csv exists; choose another or use --overwrite" in caplog.text
    assert Path("table.csv").read_text() == "mine"
    assert cli.main([*words, "--overwrite"]) == 0
    assert len(rows()) == 2


def test_table_among_the_structures_is_none_of_them(folder):
    words = ["predict", "structures", "--out", "structures/table.csv"]
    for _ in range(2):
        assert cli.main([*words, "--overwrite"]) == 0
        assert len(rows("structures/table.csv")) == 2


def test_structure_is_not_replaced_by_its_table(folder, caplog):
    words = ["predict", "structures/b.vasp", "--out", "structures/b.vasp"]
    assert cli.main([*words, "--overwrite"]) == 1
    assert "would replace the only structure file" in caplog.text


@pytest.mark.parametrize(
    ("path", "message"),
    [("absent", "no data set absent"), ("hollow", "holds no file")],
)
def test_nothing_to_predict_is_said(folder, caplog, path, message):
    Path("hollow").mkdir()
    assert cli.main(["predict", path, "--out", "table.csv"]) == 1
    assert message in caplog.text
    assert not Path("table.csv").exists()


def test_list_says_where_networks_are_found(tmp_path, monkeypatch, capsys):
    weights = tmp_path / "cgcnn_pretrained" / "band-gap.npz"
    weights.parent.mkdir()
    weights.touch()
    for variable in ("MATJAX_DATA", "MATJAX_MODELS", "MATJAX_CACHE"):
        monkeypatch.setenv(variable, str(tmp_path))
    assert cli.main(["list"]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert ["cgcnn-band-gap", str(weights)] in lines
    assert ["cgcnn-bulk-moduli", "not found"] in lines


def test_networks_are_those_whose_weights_are_found(tmp_path, monkeypatch):
    for variable in ("MATJAX_DATA", "MATJAX_MODELS", "MATJAX_CACHE"):
        monkeypatch.setenv(variable, str(tmp_path))
    with pytest.raises(FileNotFoundError, match="MATJAX_DATA"):
        predict.available_predictors()
