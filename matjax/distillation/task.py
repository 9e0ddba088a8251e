"""The task of a student: what it predicts, and how errors count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from matjax.config import Section
from matjax.distillation.material import Material
from matjax.predictors import Potential
from matjax.train import Kind, Task, Term, potential_predictions


class Loss(Section):
    """One term of the loss."""

    weight: float = Field(default=1.0, gt=0)
    """Weight of its mean error."""
    kind: Kind = "mae"
    """What of an error counts: mae, mse, huber, or norm (of vectors)."""


class ColumnLoss(Loss):
    """The term of the columns."""

    in_frequency: bool = False
    """Whether errors count by what they change in a frequency, THz: those of light
    atoms and of soft bonds count for more than in eV/Å²."""


class Losses(Section):
    """Terms of the loss; errors by atom in eV, in eV/Å², eV/Å and eV/Å³."""

    columns: ColumnLoss = ColumnLoss()
    energy: Loss = Loss()
    forces: Loss = Loss()
    stress: Loss = Loss()

    def terms(self, labels: Sequence[str]) -> list[Term]:
        """Those of the labels that there are."""
        return [Term(k, **getattr(self, k).model_dump()) for k in labels]


def student_task(
    student: Potential,
    material: Material,
    losses: Losses,
    *,
    teacher: str | Mapping[str, str],
    pretrained: str | None = None,
) -> Task:
    """What is predicted, and how errors count.

    Args:
        student: where training starts.
        material: whose labels are predicted.
        losses: terms of the loss.
        teacher: of whom the labels are, and
        pretrained: where the student comes from: another training has another task.
    """
    labels = ("columns", *material.copies["train"][0].labels)
    return Task(
        predict=potential_predictions(student.model, labels),
        params=student.params,
        terms=losses.terms(labels),
        identity={
            "model": repr(student.model),
            "teacher": teacher,
            "pretrained": pretrained,
            "losses": losses.model_dump(mode="json"),
        },
    )
