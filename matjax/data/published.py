"""Data sets that their authors publish: one table of names, addresses and checksums.

MatBench (Dunn et al., npj Comput. Mater. 6, 138 (2020)) and JARVIS-DFT (Choudhary et
al., npj Comput. Mater. 6, 173 (2020)) as matminer serves them. Rows keep their order,
so that MatBench's folds are those of :func:`matjax.data.fold`. Of MP-2018.6.1 (Chen et
al., Chem. Mater. 31, 3564 (2019)) no checksum is published: its file is read, not
downloaded.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

from matjax.files import cache_folder, download

LOG = logging.getLogger(__name__)


class PublishedData(NamedTuple):
    """A file of structures and labels."""

    file: str
    url: str
    sha256: str
    n_crystals: int


PUBLISHED: dict[str, PublishedData] = {
    **{
        name: PublishedData(
            f"{name}.json.gz",
            f"https://ml.materialsproject.org/projects/{name}.json.gz",
            sha256,
            n_crystals,
        )
        for name, n_crystals, sha256 in (
            (
                "matbench_dielectric",
                4_764,
                "83befa09bc2ec2f4b6143afc413157827a90e5e2e42c1eb507ccfa01bf26a1d6",
            ),
            (
                "matbench_jdft2d",
                636,
                "26057dc4524e193e32abffb296ce819b58b6e11d1278cae329a2f97817a4eddf",
            ),
            (
                "matbench_log_gvrh",
                10_987,
                "098af941f4c663270f1fe21abf20ffad6fb85ecbfcba5786ceac03983ac29da7",
            ),
            (
                "matbench_log_kvrh",
                10_987,
                "44b113ddb7e23aa18731a62c74afa7e5aa654199e0db5f951c8248a00955c9cd",
            ),
            (
                "matbench_mp_e_form",
                132_752,
                "dedcb1d4ba2e3e50dbdd45ba5bc647a00e9c2bcf8f8bf556dc8e92caa39eb21f",
            ),
            (
                "matbench_mp_gap",
                106_113,
                "58b65746bd88329986ed66031a2ac1369c7c522f7bc9f9081528e07097c2c057",
            ),
            (
                "matbench_mp_is_metal",
                106_113,
                "9a028ed5750a4c76ca36e9f3c8d48fe0bf3fb21b76ec2289e58ae7048d527919",
            ),
            (
                "matbench_perovskites",
                18_928,
                "4641e2417f8ec8b50096d2230864468dfa08278dc9d257c327f65d0305278483",
            ),
            (
                "matbench_phonons",
                1_265,
                "4db551f21ec5f577e6202725f10e34dfc509aa7df3a6bdaac497da7f6dbbb9b3",
            ),
        )
    },
    "jarvis_dft_2d": PublishedData(
        "jarvis_dft_2d.json.gz",
        "https://ndownloader.figshare.com/files/13376504",
        "6994355a15ae960e3e204a1208db68eb490b5be363b15b97b36d2e0cd09b6d99",
        636,
    ),
    "jarvis_dft_3d": PublishedData(
        "jarvis_dft_3d.json.gz",
        "https://ndownloader.figshare.com/files/13376507",
        "3d0fc1315b74cf84071f16aa25bb93434dafbc83867beb75872064ac245bd747",
        25_923,
    ),
}
"""Data sets by name."""


def fetch_data(name: str, *, timeout: float = 30.0) -> Path:
    """Path of a published data set, downloaded into the user cache if it is not there.

    Args:
        name: in :data:`PUBLISHED`.
        timeout: seconds without an answer before giving up.

    Raises:
        FileNotFoundError: if it cannot be downloaded.
        ValueError: if the download has another checksum.
    """
    entry = PUBLISHED[name]
    path = cache_folder() / "data" / entry.file
    if path.is_file():
        return path
    LOG.info("downloading %s (%s)", name, entry.url)
    try:
        download(entry.url, path, entry.sha256, timeout=timeout)
    except OSError as error:
        raise FileNotFoundError(
            f"{name} is not on this machine and {entry.url} could not be downloaded "
            f"({error}): put {entry.file} into {path.parent} or a folder of MATJAX_DATA"
        ) from error
    return path
