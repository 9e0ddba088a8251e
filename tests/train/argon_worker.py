"""A training in a process of its own, to be killed: ``argon_worker FOLDER``."""

import json
import logging
import sys
from pathlib import Path

import numpy as np

from matjax.data import Loader, in_order
from matjax.train import FitConfig, Task, Term, fit, potential_predictions
from tests.train.argon import LABELS, MODEL, graphs, student


class Resumed(logging.Handler):
    """Notes the step at which a run was resumed."""

    step = 0

    def emit(self, record):
        if record.getMessage().startswith("resumed at step"):
            self.step = record.args[0]


if __name__ == "__main__":
    handler = Resumed()
    logging.getLogger("matjax.train").addHandler(handler)
    logging.getLogger("matjax.train").setLevel(logging.INFO)
    held_out = graphs(n=4, seed=1)
    found = fit(
        Task(
            potential_predictions(MODEL, LABELS),
            student().params,
            [Term("energy", 1.0), Term("forces", 1.0)],
        ),
        Loader(graphs(), batch_size=4, dtype=np.float64),
        lambda: (b for _, b in in_order(held_out, batch_size=4, dtype=np.float64)),
        Path(sys.argv[1]),
        FitConfig(epochs=20, checkpoint_minutes=0.01),
    )
    sys.stdout.write(json.dumps({"steps": found.steps, "resumed_at": handler.step}))
