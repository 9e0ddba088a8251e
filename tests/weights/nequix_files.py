"""Files of Nequix, and records of NumPy's format with any description."""

from __future__ import annotations

NQX = {
    "cutoff": 4.0,
    "hidden_irreps": "2x0e + 2x1o",
    "lmax": 1,
    "n_layers": 1,
    "radial_basis_size": 2,
    "radial_mlp_size": 2,
    "radial_mlp_layers": 1,
    "radial_polynomial_p": 6.0,
    "mlp_init_scale": 4.0,
    "avg_n_neighbors": 10.0,
    "scale": 1.0,
    "shift": 0.0,
    "index_weights": True,
    "layer_norm": True,
    "atomic_numbers": [1, 6],
    "optimizer": {"anything": None},
}


def npy(text: str, data: bytes = b"") -> bytes:
    """A record of NumPy's format with this description."""
    padded = text.encode("latin-1").ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded + data


def described(shape: object = (2,), descr: str = "'<f4'", order: object = False) -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}"
