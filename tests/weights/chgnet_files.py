"""Arrays and settings of a small network, as the original CHGNet has them."""

from __future__ import annotations

import numpy as np

N, RADIAL, ANGULAR, LAYERS, HEAD = 4, 5, 7, 3, (4, 4)

SETTINGS = {
    "composition_model": "MPtrj",
    "num_radial": RADIAL,
    "num_angular": ANGULAR,
    "n_conv": LAYERS,
    "update_bond": True,
    "update_angle": True,
    "read_out": "ave",
    "mlp_hidden_dims": list(HEAD),
    "mlp_dropout": 0,
    "mlp_first": True,
    "is_intensive": True,
    "atom_graph_cutoff": 5,
    "bond_graph_cutoff": 3,
    "graph_converter_algorithm": "fast",
    "cutoff_coeff": 8,
    "learnable_rbf": True,
    "angle_fea_dim": N,
    "angle_layer_hidden_dim": 0,
    "atom_conv_hidden_dim": N,
    "atom_fea_dim": N,
    "bond_conv_hidden_dim": N,
    "bond_fea_dim": N,
    "conv_dropout": 0,
    "non_linearity": "silu",
    "gMLP_norm": "layer",
    "readout_norm": "layer",
}


def shapes(*, biased: bool = False) -> dict[str, tuple[int, ...]]:
    """Shapes of the original's arrays by name."""
    found: dict[str, tuple[int, ...]] = {
        "composition_model.fc.weight": (1, 94),
        "atom_embedding.embedding.weight": (94, N),
        "bond_basis_expansion.rbf_expansion_ag.frequencies": (RADIAL,),
        "bond_basis_expansion.rbf_expansion_bg.frequencies": (RADIAL,),
        "bond_embedding.weight": (N, RADIAL),
        "bond_weights_ag.weight": (N, RADIAL),
        "bond_weights_bg.weight": (N, RADIAL),
        "angle_basis_expansion.fourier_expansion.frequencies": (ANGULAR // 2,),
        "angle_embedding.weight": (N, ANGULAR),
        "site_wise.weight": (1, N),
        "site_wise.bias": (1,),
        "readout_norm.weight": (N,),
        "readout_norm.bias": (N,),
    }
    for kind, which, inputs, count in (
        ("atom_conv", "atom", 3, LAYERS),
        ("bond_conv", "bond", 4, LAYERS - 1),
        ("angle", "bond", 4, LAYERS - 1),
    ):
        for i in range(count):
            place = f"{kind}_layers.{i}"
            gated = f"{place}.twoBody_{which}"
            first = 1 if kind == "angle" else 0
            for part in ("core", "gate"):
                mlp = f"{gated}.mlp_{part}.layers"
                found[f"{mlp}.{first}.weight"] = (N, inputs * N)
                found[f"{mlp}.{first}.bias"] = (N,)
                if kind != "angle":
                    found[f"{mlp}.3.weight"] = (N, N)
                    found[f"{mlp}.3.bias"] = (N,)
            for norm in ("bn1", "bn2"):
                found[f"{gated}.{norm}.weight"] = (N,)
                found[f"{gated}.{norm}.bias"] = (N,)
            if kind != "angle":
                found[f"{place}.mlp_out.layers.1.weight"] = (N, N)
                if biased:
                    found[f"{place}.mlp_out.layers.1.bias"] = (N,)
    for place, outputs in ((0, N), (2, N), (5, 1)):
        found[f"mlp.layers.{place}.weight"] = (outputs, N)
        found[f"mlp.layers.{place}.bias"] = (outputs,)
    return found


def arrays(*, biased: bool = False) -> dict[str, np.ndarray]:
    """Random arrays of these shapes."""
    generator = np.random.default_rng(0)
    return {
        name: generator.normal(size=shape).astype(np.float32)
        for name, shape in shapes(biased=biased).items()
    }
