"""Published and saved parameters, read into our models without unpickling anything.

load           potentials and property networks by name or file
names          those known by name
placed         of these, those whose files users place in a folder
store          where files are found; download by checksum
table          key tables: every array used, every parameter filled
checkpoint     potentials and property networks as safetensors files
header         settings of a model in their bounds, before anything is built
npy            arrays in NumPy's format, no larger than their file
nequix         the published Nequix weights
cgcnn          the published CGCNN weights
matgl          the published weights of matgl: M3GNet, TensorNet, MEGNet
matgl_config   their settings
matgl_lines    their key tables
megnet         the published weights of the first MEGNet
chgnet         the published CHGNet weights
sevennet       the published weights of SevenNet-0
"""

from typing import TYPE_CHECKING

from matjax.lazy import import_when_used

if TYPE_CHECKING:
    from matjax.weights.cgcnn import read_cgcnn as read_cgcnn
    from matjax.weights.checkpoint import read_network as read_network
    from matjax.weights.checkpoint import read_potential as read_potential
    from matjax.weights.checkpoint import read_predictor as read_predictor
    from matjax.weights.checkpoint import save_network as save_network
    from matjax.weights.checkpoint import save_potential as save_potential
    from matjax.weights.checkpoint import save_predictor as save_predictor
    from matjax.weights.chgnet import read_chgnet as read_chgnet
    from matjax.weights.header import require_settings as require_settings
    from matjax.weights.load import load_potential as load_potential
    from matjax.weights.load import load_predictor as load_predictor
    from matjax.weights.matgl import read_matgl as read_matgl
    from matjax.weights.megnet import read_megnet as read_megnet
    from matjax.weights.names import PRETRAINED as PRETRAINED
    from matjax.weights.names import Converted as Converted
    from matjax.weights.names import Embedded as Embedded
    from matjax.weights.names import Published as Published
    from matjax.weights.names import Shipped as Shipped
    from matjax.weights.names import pretrained as pretrained
    from matjax.weights.nequix import read_nequix as read_nequix
    from matjax.weights.placed import Placed as Placed
    from matjax.weights.sevennet import read_sevennet as read_sevennet
    from matjax.weights.store import find as find
    from matjax.weights.store import whereabouts as whereabouts

import_when_used(__name__)
