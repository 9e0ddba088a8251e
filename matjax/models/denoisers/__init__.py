"""Denoisers: what noise to take from a crystal; each file is one system.

Called with a graph and the times of its parts, (graphs, 3), they return ``fractional``
(nodes, 3), along the cell vectors or, of networks with latents, along Cartesian axes;
``cell`` (graphs, 3, 3), symmetric, in the frame in which the cell is symmetric; and
``elements`` (nodes, species). What the numbers mean, noise or velocity, is the affair
of a process (:mod:`matjax.generate`). A network with ``conditions`` takes their values
too, (graphs, ...), NaN where they are left open.

Variational networks (``variational`` holds what ``cdvae`` and ``symat`` share) take the
latents of the crystals as well, ``z`` (graphs, latent). They encode crystals, read from
latents what is decided first, and say what their loss is made of
(:class:`matjax.generate.LatentModel`).
"""
