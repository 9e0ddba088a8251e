"""A task predicts what there are labels of, and counts errors as it was told."""

from matjax.distillation import Losses, Material, divided, student_task
from tests.distillation.taught import labeled
from tests.train.argon import student


def material():
    crystals = {name: labeled(name) for name in ("a", "b", "c")}
    parts = {"a": "train", "b": "held_out", "c": "test"}
    return Material(crystals, divided(crystals, parts, seed=0), {})


def test_terms_are_those_of_the_labels():
    losses = Losses.model_validate(
        {"columns": {"weight": 9.0, "in_frequency": True}, "forces": {"kind": "norm"}}
    )
    task = student_task(student(), material(), losses, teacher="someone")
    labels = [term.label for term in task.terms]
    assert labels == ["columns", "energy", "forces", "stress"]
    columns, _, forces, _ = task.terms
    assert (columns.weight, columns.in_frequency) == (9.0, True)
    assert forces.kind == "norm"
    assert [term.label for term in losses.terms(("columns",))] == ["columns"]


def test_another_teacher_is_another_task():
    ours, other = (
        student_task(student(), material(), Losses(), teacher=name).identity
        for name in ("a", "b")
    )
    assert ours != other
