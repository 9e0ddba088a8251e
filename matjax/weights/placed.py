"""Published networks whose files users place in a folder: what and whence they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matjax.models import Kind


class Placed(NamedTuple):
    """Published weights as an archive of arrays, which users place in a folder.

    They are published in formats that have to be unpickled, or need another package.
    """

    file: str
    """The arrays; ``NAME.config.json`` lies beside ``NAME.npz``."""
    folder: str
    """Package that they are of: folder that may hold them in one that is searched."""
    sha256: str
    settings_sha256: str
    source: str
    """Where the originals are published."""
    about: str
    """Unit, training set and functional of the labels, elements."""
    kind: Kind = "potential"
    property: str = "energy"
    unit: str = "eV"
    logarithmic: bool = False


_MATGL = "https://github.com/materialsvirtuallab/matgl"
_MEGNET = "https://github.com/materialsvirtuallab/megnet"


def _of_matgl(
    original: str,
    sha256: str,
    settings_sha256: str,
    about: str,
    *,
    kind: Kind = "potential",
    property: str = "energy",
    unit: str = "eV",
) -> Placed:
    """Weights of matgl."""
    return Placed(
        file=f"matgl_{original}.npz",
        folder="matgl",
        sha256=sha256,
        settings_sha256=settings_sha256,
        source=_MATGL,
        about=f"{about}; 89 elements, H to Pu",
        kind=kind,
        property=property,
        unit=unit,
    )


def _of_megnet(
    original: str,
    sha256: str,
    settings_sha256: str,
    about: str,
    *,
    property: str,
    unit: str,
    logarithmic: bool = False,
) -> Placed:
    """Weights of the first MEGNet."""
    return Placed(
        file=f"megnet_{original}.npz",
        folder="megnet",
        sha256=sha256,
        settings_sha256=settings_sha256,
        source=_MEGNET,
        about=f"{about}; 89 elements, H to Pu",
        kind="property",
        property=property,
        unit=unit,
        logarithmic=logarithmic,
    )


def _of_chgnet(version: str, sha256: str, settings_sha256: str, about: str) -> Placed:
    """Weights of CHGNet."""
    return Placed(
        file=f"chgnet_{version}.npz",
        folder="chgnet",
        sha256=sha256,
        settings_sha256=settings_sha256,
        source="https://github.com/CederGroupHub/chgnet",
        about=f"energy, eV; {about}; 89 elements, H to Pu without Po to Ra",
    )


_MP_2018 = "Materials Project 2018.6.1, PBE and PBE+U"
_MATPES = "MatPES 2025.1"
PLACED = {
    "m3gnet-mp-2021.2.8": _of_matgl(
        "M3GNet-MP-2021.2.8-PES",
        "ee00208c0d6d3109a52187ecc59d9fde6236e166829acb3d913a9ed3f5afbf72",
        "d7cb0384851973dd407049c5d148499893e1953b2323a91fcec8d16c83e5201e",
        "energy, eV; relaxations of the Materials Project 2021.2.8, PBE and PBE+U",
    ),
    "m3gnet-matpes-pbe": _of_matgl(
        "M3GNet-MatPES-PBE-v2025.1-PES",
        "87d6486ef40fa8f3ba88895909a70c8ba3cc5742072836e74f26b8e2a28d2938",
        "41d72aa5ce1fbfad540daeb1b5a97013b22ae65e3aa217dce74ea500025f2311",
        f"energy, eV; {_MATPES}, PBE",
    ),
    "m3gnet-matpes-r2scan": _of_matgl(
        "M3GNet-MatPES-r2SCAN-v2025.1-PES",
        "531ecb92c139b21a78b0c7b6f9bb82cbb056817c09efad1c4ec04f6f86c4b63f",
        "a4c6d41352260549b53ba9bdd9bba6f5035c94dbb2c663162a16bc2c953bb500",
        f"energy, eV; {_MATPES}, r2SCAN",
    ),
    "tensornet-matpes-pbe": _of_matgl(
        "TensorNet-MatPES-PBE-v2025.1-PES",
        "096ca707f98af591d9c5f0c563c668b9851873248b32c2fd728ab39075f68f61",
        "1cf00a328bce376d738893a0bef9d99cc710daf6d063f81b0f2d896aaf7f8eec",
        f"energy, eV; {_MATPES}, PBE",
    ),
    "tensornet-matpes-r2scan": _of_matgl(
        "TensorNet-MatPES-r2SCAN-v2025.1-PES",
        "5f9875348a767384749ad5e06d30d035942da69050a10f9aaf558d7ef44667c1",
        "4d7aeda8cf7c12cc83b76bc474eb7de648f8c7abbdc1121c13ec164ea2deb0ce",
        f"energy, eV; {_MATPES}, r2SCAN",
    ),
    "m3gnet-formation-energy": _of_matgl(
        "M3GNet-MP-2018.6.1-Eform",
        "897066d302c50d0251e887179a971b467d28789aa185428f2bd2acb058542c95",
        "ffd367c602b6fe9f3778e098f20e10804eef7bdf6a80ea2769d6bf3ac849f6c3",
        f"formation energy, eV/atom; {_MP_2018}",
        kind="property",
        property="formation_energy",
        unit="eV/atom",
    ),
    "megnet-formation-energy": _of_matgl(
        "MEGNet-MP-2018.6.1-Eform",
        "dbb944b22925a705e0cee3820f920d8274379d6b15b1b87f355f762da2e7f3bf",
        "6be01b5db5cf64f543e2e1c3eea8b8f9a2fb6284e0f579e2d92782aadb3fcbc1",
        f"formation energy, eV/atom; {_MP_2018}",
        kind="property",
        property="formation_energy",
        unit="eV/atom",
    ),
    "megnet-band-gap": _of_matgl(
        "MEGNet-MP-2019.4.1-BandGap-mfi",
        "eedad60413a6d5a3a1fc2a83f93fc20ad02a793698c078c1ddbb5b96e45d30e8",
        "c607e3ad1cf649a64cfff7d65e3392d4f1b8645b9bb66e57a57d754da37b4ac6",
        "four band gaps, eV; Materials Project 2019.4.1 and others, PBE, GLLB-SC, HSE "
        "and SCAN in this order",
        kind="property",
        property="band_gap",
        unit="eV",
    ),
    "megnet-keras-log-k": _of_megnet(
        "mp-2018.6.1_log10K",
        "e8de1d776097cfae173da6fae5edf892275dd82f26e6fe68e8464565edde261d",
        "96415cd0a10c00f174fd8b7560d0df1588f877e9df619f74a0aa702624dd32f4",
        f"bulk modulus (Voigt, Reuss, Hill), GPa; {_MP_2018}",
        property="bulk_modulus",
        unit="GPa",
        logarithmic=True,
    ),
    "megnet-keras-log-g": _of_megnet(
        "mp-2018.6.1_log10G",
        "82ed045e3f6780a77c551ae247f4a9debc8d125f51a246500fcdfd19f5d7ab57",
        "c4eda11354f7d240d2a75a8a6aafa67005cc2c6a96351b7330095495a6bbaa79",
        f"shear modulus (Voigt, Reuss, Hill), GPa; {_MP_2018}",
        property="shear_modulus",
        unit="GPa",
        logarithmic=True,
    ),
    "megnet-keras-band-gap": _of_megnet(
        "mp-2018.6.1_band_gap_regression",
        "50db7cabb29f0159b839bbd1b9e0210efd03fb12aac5e8682429c628e43e2ef7",
        "96285e10309b8bc4091ec5c45b784958b3626e3b0d70ace96493717341438be9",
        f"band gap of what has one, eV; {_MP_2018}",
        property="band_gap",
        unit="eV",
    ),
    "megnet-keras-formation-energy": _of_megnet(
        "mp-2018.6.1_formation_energy",
        "9ae4833c5aeb3cfb7c1d2a2133960d5f4024b0a672cfea1dcd424cb746721e6f",
        "46566670b0c5ab13ebe6497ea3383fe772e90fe62517282448387694896cabd0",
        f"formation energy, eV/atom; {_MP_2018}",
        property="formation_energy",
        unit="eV/atom",
    ),
    "megnet-keras-fermi-energy": _of_megnet(
        "mp-2019.4.1_efermi",
        "a25ef61575d6ea6c87d266d97cdab759821f6046a7a94f547a529987347a725d",
        "e19ab63af7963c69165774bfac18db52af446e4acd8ba90aa13e17ffb869362d",
        "Fermi energy, eV; Materials Project 2019.4.1, PBE and PBE+U",
        property="fermi_energy",
        unit="eV",
    ),
    "chgnet-0.3.0": _of_chgnet(
        "0.3.0",
        "0d5f51fd55f9bd242117dd5732eeeb97fef5c573a1f45c2920f5b3fc159489c2",
        "9e7de3a3d035ade66db0f86cf9012642511b18750f523e4c010cc93cdf90a036",
        "MPtrj, PBE and PBE+U with the corrections of the Materials Project",
    ),
    "chgnet-0.2.0": _of_chgnet(
        "0.2.0",
        "4876102024db5ade6800dd68c1ced5d8a03542f2d0a21b5a96a798cc9fea52ec",
        "963e1f97c282ee3d407d47294e7514114d91465ea3c400e96f96732715c51b87",
        "MPtrj, PBE and PBE+U with the corrections of the Materials Project",
    ),
    "chgnet-r2scan": _of_chgnet(
        "r2scan",
        "50893e9514c6786a57df8849a46d33dff9c921958171924be4d716a08fc21a43",
        "7bd66335afbf76f7fcd63c5cb322faeb6a5d8405328faf4795b3e0170f905544",
        "MPtrj, then relaxations of the Materials Project, r2SCAN",
    ),
    "sevennet-0": Placed(
        file="sevennet_0_11Jul2024.npz",
        folder="sevennet",
        sha256="dd4664bf6bd5048d3ccbd5dc7ced916db31f4be98ec5288f4a9e3c60eaebfe24",
        settings_sha256=(
            "140a7fd244c972c63c01a4d70e937acae498820be8d4348b416f7b28a867b36c"
        ),
        source="https://github.com/MDIL-SNU/SevenNet",
        about="energy, eV; MPtrj, PBE and PBE+U, not corrected; 89 elements, H to Pu",
    ),
}
"""Networks by name."""
