"""The job: everything that decides the bytes of a set, as one value."""

import hashlib
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, fields
from functools import cache, lru_cache, partial
from itertools import chain
from typing import Any, NamedTuple, Self, cast

from pixelgen import pixlab_api, registry
from pixelgen.colors import Color, parse_color
from pixelgen.errors import BadValue
from pixelgen.families import Family
from pixelgen.families.mixture import Member, Mixture
from pixelgen.families.pointwise import Uniform
from pixelgen.formats import Data, Format
from pixelgen.generator import MODES, Generator, texture_of
from pixelgen.image_types import Pixels, Shape, Texture
from pixelgen.layouts import DatasetInfo, ImageRecord, Shard, Splits
from pixelgen.layouts.layout import Layout
from pixelgen.manifest_rows import row_writer
from pixelgen.rng import SEED_LIMIT, parse_seed

CHECKSUMS = ("sha256", "none")
DEPTHS = (8, 16)
_COUNT_LIMIT = 1 << 53  # the largest index that every JSON reader keeps
_PIXEL_BYTES_LIMIT = (1 << 31) - 1
_LABEL = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}", re.ASCII)
_SPLIT_WORDS = ("train", "training", "validation", "valid", "val", "dev", "test", "testing", "eval",
                "evaluation")  # fmt: skip
_LOCAL = ("family", "density", "mode", "depth", "seed")  # what only images made here have
_OF_LAYOUT = cast(Format, None)  # filled in when the layout is known
_UNIFORM = Mixture((Member(Uniform()),))


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to make: ``count`` images, each a pure function of the job and its index.

    A job is a map-style data set: ``len(job)`` images, ``job[i]`` the pixels of image i. Sizes are
    in pixels, ``depth`` in bits (8 or 16), ``seed`` is 0 … 2¹²⁸−1. ``mode`` is RGB, RGBA, L or LA;
    when empty, RGB, or RGBA where the colour is not opaque. ``density`` is the fraction of pixels
    drawn over ``color``; None is 0.5, or 1 of a family that does not fill the frame by itself.
    ``family`` may be a mix: a list of families with weights and ranges, or a preset's name.
    ``label`` is the name of a class, for layouts that have one, and ``split`` the shares of the set
    that go to training, validation and so on. A layout may bring a ``format`` of its own.
    ``remote`` is the address of a PixLab endpoint whose images are fetched instead; what they are
    like is told by size, colour and format alone, and they cannot be had by index.

    >>> job = Job.parse(count=3, width=4, height=2, family="gaussian:sigma=20", color="tr")
    >>> len(job), job[0].shape, job.mode, str(job.family)
    (3, (2, 4, 4), 'RGBA', 'gaussian:sigma=20.0')
    """

    count: int = 100
    width: int = 300
    height: int = 300
    mode: str = ""
    depth: int = 8
    color: Color | None = None
    density: float | None = None
    family: Mixture = _UNIFORM
    format: Format = _OF_LAYOUT
    layout: Layout = Layout()
    checksum: str = "sha256"
    seed: int = 0
    label: str | None = None
    split: Splits | None = None
    remote: str = ""

    def __post_init__(self) -> None:
        """Read the fields, fill in what hangs on others, and refuse what cannot be made."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None or field.default is not None:
                object.__setattr__(self, field.name, _read(field.name, value))
        if self.format is None:
            preferred = (*self.layout.container.formats, "png")[0]
            object.__setattr__(self, "format", registry.parse(Format, preferred))
        if not self.mode:
            opaque = self.color is None or self.color.alpha == 255
            object.__setattr__(self, "mode", "RGB" if opaque else "RGBA")
        self._check_ranges()
        self._check_color()
        if self.remote:
            self._check_remote()
        self._check_layout()
        self.format.check(self.width, self.height, self.mode, self.depth)

    def _check_ranges(self) -> None:
        for name, value, low, high in (
            ("count", self.count, 0, _COUNT_LIMIT),
            ("width", self.width, 1, _PIXEL_BYTES_LIMIT),
            ("height", self.height, 1, _PIXEL_BYTES_LIMIT),
            ("seed", self.seed, 0, SEED_LIMIT - 1),
        ):
            if not low <= value <= high:
                raise BadValue(f"{name} {registry.abbreviate(value)} is out of range {low}..{high}")
        for name, choice, choices in (
            ("mode", self.mode, tuple(MODES)),
            ("depth", self.depth, DEPTHS),
            ("checksum", self.checksum, CHECKSUMS),
        ):
            if choice not in choices:
                told = repr(choice) if isinstance(choice, str) else registry.abbreviate(choice)
                raise BadValue(f"{name} {told} is none of {', '.join(map(str, choices))}")
        if self.image_bytes > _PIXEL_BYTES_LIMIT:
            raise BadValue(
                f"an image of {self.width}x{self.height} {self.mode} is {self.image_bytes:,} bytes,"
                f" and is made in memory; the most is {_PIXEL_BYTES_LIMIT:,}"
            )

    def _check_color(self) -> None:
        if self.density is not None:
            if self.color is None:
                raise BadValue("a density needs a color to show between the drawn pixels")
            if not 0 <= self.density <= 1:
                raise BadValue(f"density {self.density} is out of range 0..1")
        if self.color is not None and self.color.alpha < 255 and not self.mode.endswith("A"):
            raise BadValue(
                f"color {self.color} is not opaque and mode {self.mode} has no alpha channel;"
                f" use mode {self.mode}A"
            )
        is_opaque = self.color is None or self.color.alpha == 255
        if self.mode.endswith("A") and is_opaque and self.format.drops_opaque_alpha:
            raise BadValue(
                f"{self.format.name} drops an alpha channel that is opaque throughout; use mode"
                f" {self.mode[:-1]}, or a color that is not opaque"
            )

    def _check_remote(self) -> None:
        """Refuse what cannot be asked of the endpoint, rather than do without it."""
        plain = Job(count=0, color=self.color)
        for name in _LOCAL:
            if getattr(self, name) != getattr(plain, name):
                raise BadValue(f"the remote endpoint knows no {name}; leave it out")
        if self.format != type(self.format)() or self.format.name not in pixlab_api.FORMATS:
            raise BadValue(
                f"the remote endpoint gives {', '.join(pixlab_api.FORMATS)}, without options; not"
                f" {self.format}"
            )
        if self.color is not None and self.color.alpha not in (0, 255):
            raise BadValue("the remote endpoint knows opaque colors, and tr")
        if self.checksum == "none":
            raise BadValue("a remote image cannot be made again: leave out --checksum none")

    def _check_layout(self) -> None:
        if self.label is not None and not _LABEL.fullmatch(self.label):
            raise BadValue(
                f"class {self.label[:50]!r} is no name of ASCII letters, digits, _ and -; it may"
                " become a folder's"
            )
        if self.label in _SPLIT_WORDS:
            raise BadValue(f"class {self.label!r} would be taken for a split; choose another name")
        for component in self.layout.components:
            if component.needs_checksum and self.checksum == "none":
                raise BadValue(
                    f"layout {component.name} lists checksums; leave out --checksum none"
                )
        taken = self.layout.container.formats
        if taken and self.format.name not in taken:
            raise BadValue(
                f"layout {self.layout.container.name} holds {' or '.join(taken)}, not"
                f" {self.format.name}"
            )
        info = self.info
        units = -(-self.count // info.unit)
        for name in info.split_names:
            if units and not info.split_units(name, units):
                raise BadValue(
                    f"split {name} would be empty: {self.layout.container.name} splits by the"
                    f" file, and there are {units} of {info.shard_size:,} images; give"
                    " per_shard=…, or make more"
                    if info.unit > 1
                    else f"split {name} would be empty: none of {units} falls to it; make more"
                )

    @classmethod
    def parse(cls, **options: Any) -> Self:
        """Make a job from its fields as they are spelled: parts, colours and seeds as text.

        Raises BadValue for an unknown name and for whatever does not parse.
        """
        known = [field.name for field in fields(cls)]
        for name in _LOCAL if options.get("remote") else ():
            if name in options:
                raise BadValue(f"the remote endpoint knows no {name}; leave it out")
        for name in options:
            if name not in known:
                near = registry.suggest_name(name, dict.fromkeys(known))
                raise BadValue(f"a job has no {name!r}{near} (it has {', '.join(known)})")
        return cls(**options)

    def seeded(self, seed: int) -> Self:
        """Return the same job of another seed, for which nothing else need be read anew."""
        other = copy(self)
        object.__setattr__(other, "seed", seed)
        other._check_ranges()
        return other

    def to_dict(self) -> dict[str, Any]:
        """Spell the job in plain values; :meth:`parse` takes them back. No value is None."""
        spelled = {field.name: getattr(self, field.name) for field in fields(self)}
        spelled["seed"] = hex(self.seed)
        spelled["family"] = self.family.to_spec()
        return {
            name: value if isinstance(value, int | float | list) else str(value)
            for name, value in spelled.items()
            if value is not None and not (name in _LOCAL if self.remote else name == "remote")
        }

    @property
    def algorithm(self) -> str:
        """The families and the versions of their pixels."""
        if self.remote:
            return "pixlab"
        return "+".join(sorted({f"{each.name}/{each.version}" for each in self.family.families}))

    @property
    def encoder(self) -> str:
        """The libraries, with versions, that the bytes hang on; '' if they are pixelgen's own."""
        if self.remote:
            by = ""
        elif self.family.is_fixed:
            by = self.format.encoded_by(texture_of(self, self.family.families[0]))
        else:
            by = next(filter(None, map(self.format.encoded_by, Texture)), "")
        return ", ".join(filter(None, (by, self.layout.container.encoded_by())))

    @property
    def sources(self) -> tuple[str, ...]:
        """The folders of images that families take."""
        return tuple(dict.fromkeys(each.source for each in self.family.families if each.source))

    @property
    def digest(self) -> str:
        """The name of the job: SHA-256 of all that decides its images, in hexadecimal."""
        import json

        told = self.to_dict() | {"layout": str(self.layout.container)}
        whole = [told, self.algorithm, self.encoder]
        if self.sources:
            from pixelgen.source_images import folder

            whole += [folder(path).digest for path in self.sources]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()

    @property
    def shape(self) -> Shape:
        """The shape of an image's pixels, alpha included."""
        return Shape(self.height, self.width, MODES[self.mode], self.depth)

    @property
    def image_bytes(self) -> int:
        """The bytes of one image's pixels."""
        return self.width * self.height * MODES[self.mode] * self.depth // 8

    @property
    def info(self) -> DatasetInfo:
        """The images, each with its name, its split and its row in the manifest."""
        return _info(self)

    @property
    def manifest(self) -> str:
        """The name of the manifest."""
        return self.layout.container.manifest

    @property
    def shard_size(self) -> int:
        """The images in a shard (fewer in the last)."""
        return self.info.shard_size

    @property
    def shard_count(self) -> int:
        """The number of shards."""
        return self.info.shard_count

    def shard(self, number: int) -> Shard:
        """Return shard ``number``."""
        start = number * self.shard_size
        return Shard(number, start, min(start + self.shard_size, self.count))

    def shards(self) -> Iterator[Shard]:
        """Yield every shard."""
        return map(self.shard, range(self.shard_count))

    def files(self) -> Iterator[str]:
        """Yield the names of the files that hold the images."""
        files = self.layout.container.files
        return chain.from_iterable(files(self.info, each) for each in self.shards())

    def maker(self) -> Callable[[int], Data]:
        """Return the function that makes the bytes of the file of image i."""
        generator = self._generator()
        encoder = cache(partial(self.format.encoder, self.shape))

        def make(index: int) -> Data:
            pixels, texture = generator.render(index)
            return encoder(texture)(pixels)

        return make

    def render(self, index: int) -> Pixels:
        """Return image ``index``: (height, width, channels), uint8 or uint16.

        Needs nothing but the job: any image, in any order, in any thread or process.
        """
        return self._generator().render(range(self.count)[operator.index(index)]).pixels

    def _generator(self) -> Generator:
        if self.remote:
            raise BadValue(f"these images come from {self.remote} and cannot be made here")
        return Generator(self)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Pixels:
        return self.render(index)

    def __iter__(self) -> Iterator[Pixels]:
        return map(self.render, range(self.count))


@lru_cache(maxsize=8)
def _info(job: Job) -> DatasetInfo:
    """Make the dataset info of a job, whose writer of rows is made when the first is asked for."""
    writer = cache(lambda: row_writer(job))

    def row(image_record: ImageRecord) -> bytes:
        return writer()(image_record)

    container = job.layout.container
    shard_size = container.shard_size(job.count, job.image_bytes)
    return DatasetInfo(
        count=job.count,
        format=job.format.name,
        suffix=job.format.suffix_for(job.mode),
        width=job.width,
        height=job.height,
        channels=MODES[job.mode],
        depth=job.depth,
        label=job.label or "",
        splits=job.split,
        shard_size=shard_size,
        unit=shard_size if container.splits_shards else 1,
        row=row,
    )


def _whole(text: str) -> int:
    return int(text.strip())


def _mix(value: object) -> Mixture:
    """Make a mix of a family or of spelled ones."""
    if isinstance(value, Mixture):
        return value
    if isinstance(value, Family):
        return Mixture((Member(value),))
    spelled = [value] if isinstance(value, str) else value
    if isinstance(spelled, list | tuple) and all(isinstance(each, str) for each in spelled):
        return Mixture.parse(spelled)
    raise TypeError


class _Kind(NamedTuple):
    """What a field is called in messages, of what type it is, and how it is read from text."""

    noun: str
    type: type
    read: Callable[[Any], Any]


_KINDS: Mapping[str, _Kind] = {
    "count": _Kind("a whole number", int, _whole),
    "width": _Kind("a whole number", int, _whole),
    "height": _Kind("a whole number", int, _whole),
    "mode": _Kind("a mode", str, str.upper),
    "depth": _Kind("a whole number", int, _whole),
    "color": _Kind("a color", Color, parse_color),
    "density": _Kind("a number", float, float),
    "family": _Kind("a family, or a list of them", Mixture, _mix),
    "format": _Kind("a format", Format, partial(registry.parse, Format)),
    "layout": _Kind("a layout", Layout, Layout.parse),
    "checksum": _Kind("a checksum", str, str.lower),
    "seed": _Kind("a whole number", int, parse_seed),
    "label": _Kind("a class's name", str, str.strip),
    "split": _Kind("shares of a set", Splits, Splits.parse),
    "remote": _Kind("an address", str, pixlab_api.parse_address),
}


def _read(name: str, value: object) -> Any:
    """Bring one field of a job from text, or from a like type (numpy's integers), to its own."""
    kind = _KINDS[name]
    try:
        if isinstance(value, str) or name == "family":
            return kind.read(value)
        if isinstance(value, bool):
            raise TypeError
        if isinstance(value, kind.type):
            return value
        if kind.type is int:
            return operator.index(value)  # type: ignore[arg-type]
        if kind.type is float and isinstance(value, int):
            return float(value)
    except BadValue:
        raise
    except (ValueError, TypeError, OverflowError):
        pass
    raise BadValue(f"{name} {str(value)[:50]!r} is not {kind.noun}")
