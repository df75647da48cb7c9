"""The job: everything that decides the bytes of a dataset, as one value."""

import hashlib
import json
import operator
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property, partial
from itertools import chain
from typing import Any, Self, Unpack

from pixelgen import pixlab_api, registry
from pixelgen.errors import BadValue
from pixelgen.formats import Data, Format
from pixelgen.generator import Generator, ImageSpec, check_choice, check_range
from pixelgen.image_types import Pixels, Texture
from pixelgen.job_options import JobOptions, read_fields, read_image
from pixelgen.layouts import DatasetInfo, ImageRecord, Shard, Splits
from pixelgen.layouts.dataset_info import Row
from pixelgen.layouts.layout import Layout
from pixelgen.manifest_rows import fetched_row_writer, row_writer
from pixelgen.rng import draw_seed
from pixelgen.source_images import NO_SOURCES, SourceCatalog

CHECKSUMS = ("sha256", "none")
_COUNT_LIMIT = 1 << 53  # the largest index that every JSON reader keeps
_FIELDS = ("count", "width", "height", "mode", "depth", "color", "density", "family", "format",
           "layout", "checksum", "seed", "label", "split", "remote")  # fmt: skip
"""The fields of a job by their names in recipes, plans and digests, in that order."""
_GENERATED = ("family", "density", "mode", "depth", "seed")  # what only generated images have


@dataclass(frozen=True, init=False)
class Job:
    """What to make: ``count`` images, each a pure function of the job and its index.

    A job is a map-style dataset: ``len(job)`` images, ``job[i]`` the pixels of image i, an array
    (height, width, channels) of uint8 or uint16. By keyword (default):

    - ``count`` (100) images; ``size`` as "WxH", N or (W, H), or ``width`` and ``height`` (300),
      in pixels; ``depth`` (8) bits a level, 8 or 16; ``seed`` (0) of 0 … 2¹²⁸−1, or "random".
    - ``mode``: RGB, RGBA, L or LA; RGB, or RGBA where the color is not opaque.
    - ``color``: the background; none. ``density``: the fraction of pixels drawn over it.
    - ``family`` ("uniform"): what fills the images; a list of families with weights and ranges, or
      the name of a preset, makes a mixture.
    - ``format`` (png, or what the layout prefers), ``layout`` ("files"), ``checksum`` ("sha256").
    - ``label``: the name of a class, for layouts that have one; ``split``: the shares of the
      dataset that go to training, validation and so on, as "train=0.9,val=0.1".
    - ``remote``: the address of a PixLab endpoint whose images are fetched instead; what they are
      like is said by size, color and format alone, and they cannot be had by index.

    Raises BadValue for an unknown name and for whatever cannot be made.

    >>> job = Job(count=3, size="4x2", family="gaussian:sigma=20", color="tr")
    >>> len(job), job[0].shape, job.image.mode, str(job.image.family)
    (3, (2, 4, 4), 'RGBA', 'gaussian:sigma=20.0')
    """

    count: int
    image: ImageSpec
    format: Format
    layout: Layout
    checksum: str
    label: str | None
    split: Splits | None
    remote: str
    sources: SourceCatalog = field(compare=False, repr=False)
    """The user's images that families are made from, once :meth:`scan_sources` listed them."""

    def __init__(self, **options: Unpack[JobOptions]) -> None:
        if options.get("seed") == "random":
            options["seed"] = draw_seed()
        self._set(read_fields(options))

    @classmethod
    def parse(cls, **values: Any) -> Self:
        """Make a job from untyped values, such as those of a recipe or a plan.

        Raises BadValue for an unknown name and for whatever does not parse.
        """
        job = cls.__new__(cls)
        job._set(read_fields(values))
        return job

    def _set(self, given: Mapping[str, Any]) -> None:
        """Set the fields, of which those that are not given depend on others."""
        layout, remote = given.get("layout", Layout()), given.get("remote", "")
        preferred = (*layout.container.formats, "png")[0]
        self._assign(
            count=given.get("count", 100),
            image=read_image(given),
            format=given["format"] if "format" in given else registry.parse(Format, preferred),
            layout=layout,
            checksum=given.get("checksum", "sha256"),
            label=given.get("label"),
            split=given.get("split"),
            remote=remote,
            sources=NO_SOURCES,
        )
        if remote:
            self._check_remote(given)
        self._check()

    def _assign(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _check(self) -> None:
        check_range("count", self.count, 0, _COUNT_LIMIT)
        check_choice("checksum", self.checksum, CHECKSUMS)
        has_alpha = self.image.mode.endswith("A")
        if has_alpha and self.image.is_opaque and self.format.drops_opaque_alpha:
            raise BadValue(
                f"{self.format.name} drops an alpha channel that is opaque throughout; use mode"
                f" {self.image.mode[:-1]}, or a color that is not opaque"
            )
        self._check_layout()
        self.format.check(self.image.width, self.image.height, self.image.mode, self.image.depth)

    def _check_remote(self, given: Mapping[str, Any]) -> None:
        """Refuse what cannot be asked of the endpoint, rather than do without it."""
        for name in _GENERATED:
            if name in given:
                raise BadValue(
                    f"{name} cannot be combined with a remote endpoint, which has none; remove it"
                )
        if self.format != type(self.format)() or self.format.name not in pixlab_api.FORMATS:
            raise BadValue(
                f"the remote endpoint gives {', '.join(pixlab_api.FORMATS)}, without options; not"
                f" {self.format}"
            )
        if self.image.color is not None and self.image.color.alpha not in (0, 255):
            raise BadValue(
                f"color {self.image.color} cannot be combined with a remote endpoint: it has opaque"
                " colors, and tr"
            )
        if self.checksum == "none":
            raise BadValue(
                "--checksum none cannot be combined with a remote endpoint, whose images cannot be"
                " made again"
            )

    def _check_layout(self) -> None:
        for component in self.layout.components:
            if component.needs_checksum and self.checksum == "none":
                raise BadValue(
                    f"layout {component.name} lists checksums and cannot be combined with"
                    " --checksum none"
                )
        allowed = self.layout.container.formats
        if allowed and self.format.name not in allowed:
            raise BadValue(
                f"layout {self.layout.container.name} holds {' or '.join(allowed)}, not"
                f" {self.format.name}"
            )
        self._check_splits()

    def _check_splits(self) -> None:
        info = self.info
        units = -(-self.count // info.unit)
        for name in info.split_names:
            if units and not info.split_units(name, units):
                raise BadValue(
                    f"split {name} would be empty: {self.layout.container.name} splits by the"
                    f" file, and there are {units} of {info.shard_size:,} images; give"
                    " per_shard=…, or make more images"
                    if info.unit > 1
                    else f"split {name} would be empty: none of {units} images is in it; make more"
                )

    def with_layout(self, layout: Layout) -> Self:
        """Return the same job in another layout."""
        other = copy(self)
        other._assign(layout=layout)
        other._check_layout()
        return other

    def with_seed(self, seed: int) -> Self:
        """Return the same job of another seed."""
        other = copy(self)
        other._assign(image=replace(self.image, seed=seed))
        return other

    def with_sources(self, sources: SourceCatalog) -> Self:
        """Return the same job, whose families are made from these images of the user's."""
        other = copy(self) if sources != self.sources else self
        other._assign(sources=sources)
        return other

    def scan_sources(self, *, skip_damaged: bool = False) -> Self:
        """Return the job with the images in the folders that its families are made from, if any.

        Raises BadValue for images that cannot be used: those too small for a frame, and those that
        cannot be decoded, which are left out with ``skip_damaged``.
        """
        if not self.source_paths:
            return self
        sources = SourceCatalog.scan(self.source_paths, skip_damaged=skip_damaged)
        for folder in sources.folders:
            folder.check_size(self.image.width, self.image.height)
        return self.with_sources(sources)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is computed from the fields: it cannot be pickled, nor need be copied."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def to_dict(self) -> dict[str, Any]:
        """Return the job in plain values, which :meth:`parse` takes back. None is left out."""
        values = {name: getattr(self, name, None) for name in _FIELDS}
        values |= {each.name: getattr(self.image, each.name) for each in fields(self.image)}
        values |= {"seed": hex(self.image.seed), "family": self.image.family.to_spec()}
        return {
            name: value if isinstance(value, int | float | list) else str(value)
            for name, value in values.items()
            if value is not None and not (name in _GENERATED if self.remote else name == "remote")
        }

    @property
    def algorithm(self) -> str:
        """The families and the versions of their pixels."""
        if self.remote:
            return "pixlab"
        families = self.image.family.families
        return "+".join(sorted({f"{each.name}/{each.version}" for each in families}))

    @property
    def encoder(self) -> str:
        """The libraries, with versions, that the bytes depend on; '' if they are pixelgen's own."""
        family = self.image.family
        if self.remote:
            by = ""
        elif family.is_fixed:
            by = self.format.encoded_by(self.image.texture_of(family.families[0]))
        else:
            by = next(filter(None, map(self.format.encoded_by, Texture)), "")
        return ", ".join(filter(None, (by, self.layout.container.encoded_by())))

    @property
    def source_paths(self) -> tuple[str, ...]:
        """The folders of images that families are made from."""
        families = self.image.family.families
        return tuple(dict.fromkeys(each.source for each in families if each.source))

    @property
    def digest(self) -> str:
        """The id of the job: SHA-256 of all that decides its images, in hexadecimal.

        Of a job that is made from the user's images, once they were scanned.
        """
        values = self.to_dict() | {"layout": str(self.layout.container)}
        whole = [values, self.algorithm, self.encoder, *self.sources.digests]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()

    @cached_property
    def info(self) -> DatasetInfo:
        """The images, each with its name, its split and its row in the manifest."""

        def row(record: ImageRecord) -> bytes:
            return self._row_writer(record)

        container = self.layout.container
        shard_size = container.shard_size(self.count, self.image.bytes)
        return DatasetInfo(
            count=self.count,
            image=self.image,
            format=self.format.name,
            suffix=self.format.suffix_for(self.image.mode),
            label=self.label or "",
            splits=self.split,
            shard_size=shard_size,
            unit=shard_size if container.splits_shards else 1,
            row=row,
        )

    @cached_property
    def _row_writer(self) -> Row:
        container = self.layout.container
        if self.remote:
            return fetched_row_writer(self.image, self.info, container)
        return row_writer(self.image, self.info, container, self.sources)

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

    def row(self, index: int) -> dict[str, Any]:
        """Return the row of image ``index`` in the manifest; generates and encodes the image."""
        data = self.maker()(range(self.count)[operator.index(index)])
        sha256 = hashlib.sha256(data).hexdigest() if self.checksum != "none" else ""
        row: dict[str, Any] = json.loads(self.info.row(ImageRecord(index, len(data), sha256, "")))
        return row

    def maker(self) -> Callable[[int], Data]:
        """Return the function that makes the bytes of the file of image i."""
        generator = self._generator()
        encoder = cache(partial(self.format.encoder, self.image.shape))

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
            raise BadValue(f"these images come from {self.remote} and cannot be generated here")
        return Generator(self.image, self.sources)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Pixels:
        return self.render(index)

    def __iter__(self) -> Iterator[Pixels]:
        return map(self.render, range(self.count))
