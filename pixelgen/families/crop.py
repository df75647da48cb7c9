"""Crops of the user's own images, away from the objects in them."""

from dataclasses import dataclass

from pixelgen.errors import BadValue
from pixelgen.families.source import Sourced, SourceWindow
from pixelgen.image_types import Coverage, Pixels, Shape, Texture
from pixelgen.registry import parameter
from pixelgen.rng import PARAMETERS, Stream
from pixelgen.source_images import CROP_WORDS, CropRoom, ImageSource, SourceFolder


@dataclass(frozen=True)
class Crop(Sourced):
    """Random crops of your images that touch no labelled object.

    The image is one of those that have room. The scale s, pixels of the image for a pixel of the
    crop, is log-uniform from ``min_scale`` to the largest for which there is room, or
    ``max_scale``, rounded down to quarters, from 4 on to whole numbers. The window of s times the
    frame is at any place where it touches no box, each as likely. Its pixels are averaged over
    areas, never enlarged.

    ``labels`` is a COCO file, a data.yaml, a folder of YOLO or VOC labels, or a CSV file. Boxes are
    enlarged by ``margin`` times their sides on every side; polygons and masks count by their boxes,
    and crowds, difficult and ignored objects as others. Without labels the whole image is
    background.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(Crop().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '43d45e703ca98fa6'
    """

    name = "crop"
    number = 42
    texture = Texture.SMOOTH

    labels: str = parameter("", "boxes of objects: COCO, YOLO, VOC or CSV; none: no objects")
    margin: float = parameter(
        0.1, "by what share of its sides a box is enlarged", low=0.0, high=10.0
    )
    min_scale: float = parameter(
        1.0, "least pixels of an image for a pixel of a crop", low=1.0, high=4096.0
    )
    max_scale: float = parameter(0.0, "the most; 0: as many as there is room for",
                                 low=0.0, high=4096.0)  # fmt: skip
    split: str = parameter("", "read images of this split of the labels only; none: all")

    def __post_init__(self) -> None:
        """Refuse parameters that contradict each other."""
        super().__post_init__()
        if self.max_scale and self.max_scale < self.min_scale:
            raise BadValue(
                f"family crop: max_scale={self.max_scale:g} is below min_scale={self.min_scale:g};"
                " give a larger max_scale, at least 1, or 0 for no limit"
            )
        if (self.labels or self.split) and not self.source:
            raise BadValue(
                "family crop: labels and split need the images that they belong to; give"
                " source=DIR, the folder of these images"
            )
        room = self._room
        if self.max_scale and room.most < room.least:
            raise BadValue(
                f"family crop: no scale is between min_scale={self.min_scale:g} and"
                f" max_scale={self.max_scale:g}: scales are multiples of 0.25, from 4 on whole"
                " numbers; choose one for both, or a wider range"
            )
        if self.split and not self.labels:
            raise BadValue(
                f"family crop: split={self.split} needs labels that list it; give"
                " labels=data.yaml, the folder of VOC, or a CSV file"
            )

    @property
    def image_source(self) -> ImageSource | None:
        """The images of the folder that have room for crops."""
        if not self.source:
            return None
        return ImageSource(self.source, self._room)

    @property
    def _room(self) -> CropRoom:
        return CropRoom(self.labels, self.split, self.margin, self.min_scale, self.max_scale)

    def rearrange(
        self, stream: Stream, shape: Shape, image: Pixels, coverage: Coverage | None
    ) -> Pixels | tuple[Pixels, Coverage]:
        """Return the crop as it is."""
        return image if coverage is None else (image, coverage)

    def choose(self, folder: SourceFolder, stream: Stream, shape: Shape) -> SourceWindow:
        """Choose an image, a scale, and a place away from the objects."""
        stream.purpose(PARAMETERS)
        choice, *words = map(int, stream.integers(1 + CROP_WORDS, 32))
        image = folder.images[choice * len(folder.images) >> 32]
        window = self._room.draw(image, (shape.width, shape.height), words)
        if window is None:
            raise BadValue(
                f"{folder.source.path}/{image.name} has no room for {shape.width}x{shape.height}"
                " pixels away from objects; scan the folder for this size"
            )
        return SourceWindow(image, window)
