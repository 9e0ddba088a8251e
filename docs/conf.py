"""The site: guides, results, and a reference made from docstrings.

Built by ``sphinx-build -W docs OUT``. Four small extensions stand in ``_ext``:

docstrings  bars and tables of docstrings
reference   one page for each package of matjax, found by walking it
results     numbers and tables from ``experiments/results/*.json``
mathml      formulas as MathML, so that the site needs no network
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import matjax
import matjax.arrays


class Array:
    """What signatures show for the union of JAX's and NumPy's arrays."""


# jaxtyping spells such a union out: Float[jax.Array, "3"] | Float[np.ndarray, "3"].
Array.__module__ = "builtins"
matjax.arrays.Array = matjax.arrays.Leaf = Array

project = "matjax"
author = "the matjax developers"
version = release = matjax.__version__
html_title = f"matjax {release}"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "docstrings",
    "reference",
    "results",
    "mathml",
]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Annotations name types without their module; two modules may have one of a name.
suppress_warnings = ["ref.python"]

napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
maximum_signature_line_length = 72
python_use_unqualified_type_names = True
add_module_names = False

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_math_renderer = "mathml"
pygments_style = "friendly"
pygments_dark_style = "monokai"
html_theme_options = {"navigation_with_keys": True}
