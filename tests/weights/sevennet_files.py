"""Arrays and settings of a small network, as the original SevenNet has them."""

from __future__ import annotations

import e3nn_jax as e3nn
import numpy as np

HIDDEN = "4x0e+3x1e+2x2e"
LAYERS, BASIS, WIDTH = 3, 3, 5

SETTINGS = {
    "version": "0.9.1",
    "_model_type": "E3_equivariant_model",
    "interaction_type": "nequip",
    "_type_map": {"8": 0, "12": 1},
    "irreps_manual": ["4x0e", HIDDEN, HIDDEN, "4x0e"],
    "cutoff": 4.0,
    "lmax": 2,
    "num_convolution_layer": LAYERS,
    "radial_basis": {"radial_basis_name": "bessel", "bessel_basis_num": BASIS},
    "cutoff_function": {"cutoff_function_name": "XPLOR", "cutoff_on": 3.5},
    "weight_nn_hidden_neurons": [WIDTH],
    "act_gate": {"e": "silu", "o": "tanh"},
    "act_scalar": {"e": "silu", "o": "tanh"},
    "act_radial": "silu",
    "self_connection_type": "linear",
    "is_parity": False,
    "_normalize_sph": True,
    "use_bias_in_linear": False,
    "readout_as_fcn": False,
    "optimizer": "adam",
}

GATED = {0: 4 + 5, 1: 3, 2: 2}
"""Channels by degree before a gate: scalars with one for each vector and tensor."""

PATHS = {
    0: [(0, 0, 0), (0, 1, 1), (0, 2, 2)],
    1: [(a, b, c) for a in (0, 1, 2) for b in (0, 1, 2) for c in range(abs(a - b), 3)],
    2: [(0, 0, 0), (1, 1, 0), (2, 2, 0)],
}
"""Degrees of feature, harmonic and output of each layer's paths, in the original's
order; those of the last give scalars."""

CHANNELS = {0: 4, 1: 3, 2: 2}


def paths(layer: int) -> list[tuple[int, int, int]]:
    """Paths that symmetry allows."""
    return [(a, b, c) for a, b, c in PATHS[layer] if abs(a - b) <= c <= a + b]


def shapes() -> dict[str, tuple[int, ...]]:
    """Shapes of the original's arrays by name, without Wigner symbols and masks."""
    found: dict[str, tuple[int, ...]] = {
        "edge_embedding.basis_function.coeffs": (BASIS,),
        "onehot_to_feature_x.linear.weight": (2 * 4,),
        "onehot_to_feature_x.linear.bias": (0,),
        "reduce_input_to_hidden.linear.weight": (4 * 2,),
        "reduce_hidden_to_energy.linear.weight": (2,),
        "rescale_atomic_energy.shift": (2,),
    }
    for i in range(LAYERS):
        features = CHANNELS if i else {0: 4}
        gated = GATED if i < LAYERS - 1 else {0: 4}
        sums = dict.fromkeys(gated, 0)
        for a, _, c in paths(i):
            sums[c] += CHANNELS[a]
        skip = sum(n * gated.get(degree, 0) for degree, n in features.items())
        n_weights = sum(CHANNELS[a] for a, _, _ in paths(i))
        found |= {
            f"{i}_self_connection_intro.linear.weight": (skip,),
            f"{i}_self_interaction_1.linear.weight": (
                sum(n * n for n in features.values()),
            ),
            f"{i}_self_interaction_2.linear.weight": (
                sum(n * gated[degree] for degree, n in sums.items()),
            ),
            f"{i}_convolution.weight_nn.layer0.weight": (BASIS, WIDTH),
            f"{i}_convolution.weight_nn.layer1.weight": (WIDTH, n_weights),
        }
    return found


def arrays() -> dict[str, np.ndarray]:
    """Random arrays of these shapes, with what the settings fix."""
    generator = np.random.default_rng(0)
    found = {
        name: generator.normal(size=shape).astype(np.float32)
        for name, shape in shapes().items()
    }
    found["rescale_atomic_energy.scale"] = np.full(2, 1.5, np.float32)
    found["0_self_connection_intro.linear.output_mask"] = np.repeat(
        np.array([1, 0], np.float32), [9, 3 * 3 + 5 * 2]
    )
    for i in range(LAYERS):
        found[f"{i}_convolution.denominator"] = np.full(1, 5.0, np.float32)
        found[f"{i}_convolution.convolution.weight"] = np.zeros(0, np.float32)
        for degrees in paths(i):
            if min(degrees) > 0:
                name = "_".join(str(x) for x in degrees)
                place = f"{i}_convolution.convolution._compiled_main_left_right"
                symbol = e3nn.clebsch_gordan(*degrees)
                found[f"{place}._w3j_{name}"] = np.asarray(symbol, np.float32)
    return found
