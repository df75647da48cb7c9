"""``pixelgen list``: families, presets, formats, layouts, trainers and engines."""

from typing import TYPE_CHECKING, Any

import click

from pixelgen.cli.command import HeadedCommand, NamedChoice, json_option
from pixelgen.cli.output import print_json, print_line
from pixelgen.registry import components, installed_components, plural_of, to_spec

if TYPE_CHECKING:
    from pixelgen.registry import Component

_KINDS = ("family", "format", "layout", "engine")
_PLURALS = (*map(plural_of, _KINDS), "presets", "trainers")


@click.command("list", cls=HeadedCommand)
@click.argument("kind", type=NamedChoice("kind", [*_PLURALS]))
@json_option
def list_components(kind: str, as_json: bool) -> int:
    """List families, presets, formats, layouts, trainers or engines.

    Each with its parameters, their defaults and their ranges.
    """
    if kind == "presets":
        return _list_presets(as_json)
    if kind == "trainers":
        return _list_trainers(as_json)
    singular = next(name for name in _KINDS if plural_of(name) == kind)
    found = components(singular) | installed_components(singular)
    if as_json:
        print_json([
            {"name": name, "summary": component.summary(), "parameters": component.parameters()}
            for name, component in found.items()
        ])  # fmt: skip
        return 0
    for name, component in found.items():
        print_line(f"{name:<14} {component.summary()}{_beside(component)}")
        for parameter in component.parameters():
            print_line(f"  {describe_parameter(parameter)}")
    if singular == "layout":
        from pixelgen.layouts.layout import UNIVERSAL

        print_line(f"universal      All that can share one directory: {UNIVERSAL}.")
    return 0


def _beside(component: type["Component"]) -> str:
    """Return what a sidecar goes with."""
    containers = getattr(component, "containers", None)
    if containers is None:
        return ""
    return f" [beside {' or '.join(containers) or 'any'}]"


def _list_presets(as_json: bool) -> int:
    """List the presets with their members, those that take the user's images last."""
    from dataclasses import asdict

    from pixelgen.families.presets import PRESETS

    if as_json:
        print_json([{"name": name} | asdict(preset) for name, preset in PRESETS.items()])
        return 0
    for name, preset in PRESETS.items():
        print_line(f"{name:<14} {preset.about} ({preset.origin})")
        print_line(f"  for: {preset.purpose}")
        print_line(f"  false positives: {preset.false_positives}")
        for member in preset.with_source("source=DIR"):
            print_line(f"  {member}")
    print_line(
        "False positives are those on photographs that are not seen in training, at 95 % recall, in"
        " ten small tasks."
    )
    print_line("Without --family, generate draws uniform; default is the name of a preset.")
    return 0


def _list_trainers(as_json: bool) -> int:
    """List what --for takes, with the layout, the formats and the sides that each reads."""
    from pixelgen.trainers import TRAINERS

    if as_json:
        print_json([
            {"name": name, "title": trainer.title, "layout": trainer.layout,
             "formats": trainer.formats, "min_side": trainer.min_side}
            for name, trainer in TRAINERS.items()
        ])  # fmt: skip
        return 0
    for name, trainer in TRAINERS.items():
        sides = f"; sides from {trainer.min_side}" if trainer.min_side > 1 else ""
        takes = f"{', '.join(trainer.formats)}{sides}"
        print_line(f"{name:<14} {trainer.title}: layout {trainer.layout}; {takes}")
    return 0


def describe_parameter(parameter: dict[str, Any]) -> str:
    """Describe a parameter in a line: name and default, what it is, what it may be."""
    if "choices" in parameter:
        bounds = "|".join(map(str, parameter["choices"]))
    elif "low" in parameter:
        bounds = f"{parameter['low']}..{parameter.get('high', '')}"
    else:
        bounds = {"bool": "true|false", "str": "text"}[parameter["type"]]
    setting = f"{parameter['name']}={to_spec(parameter['default'])}"
    return f"{setting:<22} {parameter['about']} ({bounds})"
