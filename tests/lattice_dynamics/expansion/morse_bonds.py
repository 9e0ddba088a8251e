"""A crystal of fcc whose bonds are those of Morse."""

import numpy as np

DEPTH, WIDTH = 0.5, 1.4  # eV, 1/Å
MESH = (4, 4, 4)
TEMPERATURES = np.arange(0.0, 601.0, 10.0)
