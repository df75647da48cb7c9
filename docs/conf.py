"""The configuration of the documentation site: ``sphinx-build -W docs docs/_build``."""

import sys
from pathlib import Path

import pixelgen

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "pixelgen"
author = "pixelgen contributors"
version = release = pixelgen.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "families",
]
exclude_patterns = ["_build", "_ext"]
html_theme = "furo"
html_title = "pixelgen"
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["pixelgen.css"]
myst_heading_anchors = 3
smartquotes = False  # they would join the two dashes of an option
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
suppress_warnings = ["myst.xref_ambiguous"]
