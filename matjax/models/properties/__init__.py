"""Property networks: one file per system, each a Flax module.

cgcnn  CGCNN, properties of crystals
"""

from matjax.models.properties.cgcnn import CGCNN as CGCNN
