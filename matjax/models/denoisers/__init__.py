"""Denoisers: what noise to take from a crystal; each file is one system."""
