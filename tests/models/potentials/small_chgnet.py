"""Settings of a CHGNet that compiles in seconds."""

SMALL = {
    "species": (12, 8),
    "cutoff": 4.0,
    "bond_cutoff": 3.0,
    "bonds": 8,
    "features": 6,
    "layers": 3,
    "basis": 4,
    "angular_basis": 2,
    "head": (6,),
}
