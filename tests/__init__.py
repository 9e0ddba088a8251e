"""A package, so that another one of this name is not taken for it."""
