"""A small CGCNN."""

from matjax.models.properties import CGCNN

MODEL = CGCNN(
    species=(8, 14),
    properties=("heat_all",),
    cutoff=4.0,
    n_nearest=6,
    features=4,
    layers=2,
    head=(3, 5),
    step=0.5,
)
