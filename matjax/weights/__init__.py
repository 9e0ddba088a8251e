"""Published and saved parameters, read into our models without unpickling anything.

load           a potential by name, file or folder
store          where files are found; download by checksum
table          key tables: every array used, every parameter filled
checkpoint     potentials as safetensors files
nequix         the published Nequix weights
"""

from matjax.weights.checkpoint import read_potential as read_potential
from matjax.weights.checkpoint import save_potential as save_potential
from matjax.weights.load import EMBEDDED as EMBEDDED
from matjax.weights.load import load_potential as load_potential
from matjax.weights.nequix import read_nequix as read_nequix
from matjax.weights.store import PUBLISHED as PUBLISHED
from matjax.weights.store import find as find
