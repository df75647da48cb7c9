"""The directive ``families``: an entry for each family, from its docstring and its parameters.

Pictures are drawn by pixelgen itself as the site is built.
"""

import inspect
from pathlib import Path

import numpy as np
from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from pixelgen import Job
from pixelgen.cli.list import describe_parameter
from pixelgen.registry import Component, components

_SIDE, _IMAGES = 128, 4


class Families(SphinxDirective):
    """Adds a section for each family."""

    def run(self) -> list[nodes.Node]:
        """Return the sections, in the order of their names."""
        folder = Path(self.env.app.outdir, "_images")
        folder.mkdir(parents=True, exist_ok=True)
        sections: list[nodes.Node] = []
        for name, family in components("family").items():
            _draw(name, folder / f"family-{name}.png")
            section = nodes.section(ids=[name.replace("_", "-")])
            section += nodes.title(text=name)
            picture = f"_images/family-{name}.png"
            section += nodes.raw("", f'<img src="{picture}" alt="Images of {name}">', format="html")
            section += [_paragraph(each) for each in _paragraphs(family)]
            section += _parameters(family)
            section += nodes.paragraph(text=f"Version {family.version}.")
            sections.append(section)
        return sections


def _draw(name: str, path: Path) -> None:
    """Draw the first images of a family side by side, with a gap of white between them."""
    job = Job(count=_IMAGES, size=_SIDE, family=name)
    gap = np.full((_SIDE, 4, 3), 255, np.uint8)
    strips = [job[0], *(part for index in range(1, _IMAGES) for part in (gap, job[index]))]
    Image.fromarray(np.concatenate(strips, axis=1)).save(path)


def _paragraphs(family: type[Component]) -> list[str]:
    """Return the paragraphs of the docstring, without its doctest."""
    text = inspect.cleandoc(family.__doc__ or "")
    return [each for each in text.split("\n\n") if not each.startswith(">>>")]


def _paragraph(text: str) -> nodes.paragraph:
    """Return a paragraph in which ``text`` is code; nothing else is markup, so |x| is itself."""
    paragraph = nodes.paragraph()
    for number, each in enumerate(text.split("``")):
        paragraph += nodes.literal(text=each) if number % 2 else nodes.Text(each)
    return paragraph


def _parameters(family: type[Component]) -> nodes.Node:
    """Return the parameters as lines of text, as ``pixelgen list families`` prints them."""
    lines = [describe_parameter(each) for each in family.parameters()]
    if not lines:
        return nodes.paragraph(text="It has no parameters.")
    text = "\n".join(lines)
    return nodes.literal_block(text, text, language="text")


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("families", Families)
    return {"parallel_read_safe": True}
