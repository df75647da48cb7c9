"""The options of how files are arranged, named and labelled."""

from dataclasses import dataclass
from typing import Any

from pixelgen.cli.class_names import load_classes
from pixelgen.cli.command import ComponentName, headed, together
from pixelgen.errors import BadValue

_output = headed("Output")

# fmt: off
layout_options = together([
    _output("--layout", type=ComponentName("layout"), multiple=True,
            help="How files are arranged and indexed; a list adds sidecars: files,coco,yolo."
                 "  [default: files]"),
    _output("--for", "trainer", metavar="TRAINER",
            help="Layout and checks for a trainer: ultralytics, yolox, rfdetr, darknet, detectron2,"
                 " mmdet, datumaro, smp, torchvision, timm, anomalib, huggingface, opencv, dlib,"
                 " keras, dali or streaming."),
    _output("--class", "label", metavar="NAME", multiple=True,
            help="Class name, in layouts that have classes.  [default: negatives; object in coco"
                 " and yolo]"),
    _output("--label", "label_number", type=int, metavar="N",
            help="Class number, in layouts that have one.  [default: that after --classes]"),
    _output("--classes", metavar="NAMES",
            help="Classes of your own dataset, in its order: cat,dog, a file with one per line, or"
                 " a data.yaml."),
    _output("--first-id", type=int, metavar="N",
            help="Id of the first image in coco: that after your own.  [default: 1]"),
    _output("--prefix", metavar="TEXT", help="Start of the names of files, such as neg- or bg."),
    _output("--split", metavar="NAME=SHARE,…", multiple=True,
            help="Split the dataset by shares, as in train=0.9,val=0.1."),
])
# fmt: on


@dataclass(frozen=True, kw_only=True)
class LayoutOptions:
    """How a dataset is written, as the options of ``layout_options`` give it; None is not given."""

    layout: tuple[str, ...]
    trainer: str | None
    label: tuple[str, ...]
    label_number: int | None
    classes: str | None
    first_id: int | None
    prefix: str | None
    split: tuple[str, ...]

    def layout_fields(self) -> dict[str, Any]:
        """Return the fields of a job that are given; options that take a list add up."""
        if len(self.label) > 1:
            raise BadValue(
                f"--class is given {len(self.label)} times; a dataset has one class: give one"
            )
        fields: dict[str, Any] = {
            "layout": ",".join(self.layout) if self.layout else None,
            "label": "".join(self.label) if self.label else None,
            "label_number": self.label_number,
            "classes": None if self.classes is None else load_classes(self.classes),
            "first_id": self.first_id,
            "prefix": self.prefix,
            "split": ",".join(self.split) if self.split else None,
        }
        return {name: value for name, value in fields.items() if value is not None}


def with_trainer_layout(fields: dict[str, Any], trainer: str | None) -> dict[str, Any]:
    """Return the fields of a job with the layout that the trainer of --for reads."""
    if trainer is None:
        return fields
    from pixelgen.trainers import find_trainer

    own = find_trainer(trainer).layout
    return fields | {"layout": f"{own},{fields['layout']}" if "layout" in fields else own}
