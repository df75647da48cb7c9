"""The directives ``families`` and ``presets``: entries from the docstrings and parameters.

Pictures are drawn by pixelgen itself as the site is built.
"""

import inspect
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from pixelgen import Job
from pixelgen.families import presets
from pixelgen.registry import Component, components, to_spec

_SIDE, _IMAGES, _GAP = 128, 4, 4
_WIDTH = _IMAGES * (_SIDE + _GAP) - _GAP


class Families(SphinxDirective):
    """Adds links to all families, then a section for each."""

    def run(self) -> list[nodes.Node]:
        """Return the links and the sections, in the order of the names."""
        families = components("family")
        for family in families.values():
            self.env.note_dependency(inspect.getfile(family))
        links = nodes.paragraph("", "", *_separated(map(_link, families)))
        return [links, *(_section(*each) for each in families.items())]


class Presets(SphinxDirective):
    """Adds a table of the presets."""

    def run(self) -> list[nodes.Node]:
        """Return the table, with links to the families that each preset mixes."""
        self.env.note_dependency(inspect.getfile(presets))
        rows = []
        for name, preset in presets.PRESETS.items():
            members = preset.with_source("source=DIR")
            mixed = dict.fromkeys(re.split("[:=]", member)[0] for member in members)
            texts = (
                preset.about,
                f"for {preset.purpose}",
                f"false positives: {preset.false_positives}",
            )
            about = nodes.Text(" ".join(f"{each[0].upper()}{each[1:]}." for each in texts))
            links = _separated(map(_link, mixed))
            rows.append([[nodes.literal(text=name)], [about], links, [nodes.Text(preset.origin)]])
        return [_table(("preset", "what it is", "families", "source"), rows)]


def _section(name: str, family: type[Component]) -> nodes.section:
    section = nodes.section(ids=[_anchor(name)])
    section += nodes.title(text=name)
    picture = (
        f'<img src="_images/family-{name}.png" alt="Four images of {name}"'
        f' width="{_WIDTH}" height="{_SIDE}" loading="lazy">'
    )
    section += nodes.raw("", picture, format="html")
    section += [_paragraph(each) for each in _paragraphs(family)]
    section += _parameters(family)
    section += nodes.paragraph(text=f"Version {family.version}.")
    return section


def _anchor(name: str) -> str:
    return name.replace("_", "-")


def _link(name: str) -> nodes.Node:
    return nodes.reference("", name, refid=_anchor(name), internal=True)


def _separated(items: Iterable[nodes.Node]) -> list[nodes.Node]:
    """Put a comma between two nodes."""
    return [node for item in items for node in (nodes.Text(", "), item)][1:]


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
    """Return a table of the parameters; a table wraps on a narrow screen."""
    rows = [
        [
            [nodes.literal(text=f"{each['name']}={to_spec(each['default'])}")],
            [nodes.Text(each["about"])],
            _values(each),
        ]
        for each in family.parameters()
    ]
    if not rows:
        return nodes.paragraph(text="It has no parameters.")
    return _table(("default", "meaning", "values"), rows)


def _values(parameter: dict[str, Any]) -> list[nodes.Node]:
    """Return what a parameter may be: its choices, its range or its type."""
    if "choices" in parameter:
        return _separated(nodes.literal(text=str(each)) for each in parameter["choices"])
    if "low" in parameter:
        low, high = (f"{parameter[end]:,}".removesuffix(".0") for end in ("low", "high"))
        return [nodes.Text(f"{low} … {high}")]
    if parameter["type"] == "bool":
        return _separated(nodes.literal(text=each) for each in ("true", "false"))
    return [nodes.Text("text")]


def _table(titles: tuple[str, ...], rows: list[list[list[nodes.Node]]]) -> nodes.table:
    """Return a table of titles and rows of cells; a cell is the contents of its paragraph."""
    group = nodes.tgroup(cols=len(titles))
    group += [nodes.colspec(colwidth=1) for _ in titles]
    group += nodes.thead("", _row([[nodes.Text(title)] for title in titles]))
    group += nodes.tbody("", *map(_row, rows))
    return nodes.table("", group)


def _row(cells: list[list[nodes.Node]]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", *cell)) for cell in cells))


def draw_pictures(app: Sphinx) -> None:
    """Draw the first images of each family, also where its entry is read from the cache."""
    if app.builder.format != "html":
        return
    folder = Path(app.outdir, "_images")
    folder.mkdir(parents=True, exist_ok=True)
    for name in components("family"):
        _draw(name, folder / f"family-{name}.png")


def _draw(name: str, path: Path) -> None:
    """Draw images side by side, with a gap of white between them."""
    job = Job(count=_IMAGES, size=_SIDE, family=name)
    picture = Image.new("RGB", (_WIDTH, _SIDE), "white")
    for index in range(_IMAGES):
        picture.paste(Image.fromarray(job[index]), (index * (_SIDE + _GAP), 0))
    picture.save(path)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directives, and draw the pictures of each build."""
    app.add_directive("families", Families)
    app.add_directive("presets", Presets)
    app.connect("builder-inited", draw_pictures)
    return {"parallel_read_safe": True}
