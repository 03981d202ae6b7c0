"""How Sphinx builds the documentation site; `make docs` runs it on what `make_site.py` lays out."""

import sys
from pathlib import Path
from typing import Any

import latex2mathml.converter
from docutils import nodes
from sphinx.application import Sphinx

import lstm_analog

sys.path.insert(0, str(Path(__file__).parent))
from make_reference import escaped

project = "lstm_analog"
author = "the lstm_analog authors"
version = release = lstm_analog.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 4

default_role = "py:obj"
nitpicky = True
# In docstrings backticks enclose any code. Other packages, what is private and type variables have no page here.
nitpick_ignore_regex = [("py:obj", "(?s).*"), ("py:.*", r"(?!lstm_analog\.).*|.*\._\w+|.*\.AnyDesign")]
# Types of parameters and attributes are words, such as "(chips, steps)", and lead nowhere.
napoleon_use_param = False
napoleon_custom_sections = [("Attributes", "params_style")]
autodoc_member_order = "bysource"
autodoc_mock_imports = ["torch"]
autodoc_default_options = {"members": True}
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100

html_theme = "furo"
html_title = f"lstm_analog {release}"
html_math_renderer = "mathml"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False


def write_mathml(translator: Any, node: nodes.Element) -> None:
    """Write an equation as MathML, which browsers draw without a script and without the network."""
    display = "block" if isinstance(node, nodes.math_block) else "inline"
    text = node.astext().replace("{aligned}", "{align*}")  # the one that latex2mathml knows; GitHub wants the other
    translator.body.append(latex2mathml.converter.convert(text, display=display))
    raise nodes.SkipNode


def escape_marks(_app: Sphinx, _kind: str, _name: str, _what: object, _options: object, lines: list[str]) -> None:
    """Escape in place the `lines` of a docstring, which is plain text with names in backticks."""
    lines[:] = [escaped(line) for line in lines]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer of equations and the reading of docstrings."""
    app.add_html_math_renderer("mathml", (write_mathml, None), (write_mathml, None))
    app.connect("autodoc-process-docstring", escape_marks, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
