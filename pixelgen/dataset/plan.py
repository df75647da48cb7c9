"""The plan of a dataset, ``pixelgen.json``: its job, and the versions that its bytes depend on.

It is the first file of a dataset. It says nothing of clocks, hosts, paths or workers, and its last
member is the CRC-32 of the others. Plans are compared by what they mean, after parsing: one that an
older pixelgen wrote, without a field that this one knows, is the plan of a job in which that field
has its default.
"""

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from zlib_ng import zlib_ng

from pixelgen import __version__
from pixelgen.errors import AnotherJob, Conflict, install_version, shell_path
from pixelgen.job import Job
from pixelgen.layouts.layout import Layout
from pixelgen.source_images import NO_SOURCES
from pixelgen.storage import Store

PLAN = "pixelgen.json"
SUMS = "SHA256SUMS"
JOURNAL = ".pixelgen.journal"

PLAN_LIMIT = 1 << 20
"""Bytes; a larger file is not read."""

_ID_DIGITS = 16

_SCHEMA = 1
_TEXTS = ("pixelgen", "numpy", "encoder", "algorithm", "digest")
_MEMBERS = ("schema", *_TEXTS, "sources", "job", "crc32")
_VERSION = re.compile(r"(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?([-+.a-z0-9]{0,20})", re.ASCII)


@dataclass(frozen=True)
class Plan:
    """A job, and the versions and sources that its bytes depend on.

    ``pixelgen`` and ``numpy`` are the versions that the dataset was begun with; ``algorithm`` names
    its families with the versions of their pixels, ``encoder`` the libraries that encode, '' where
    pixelgen does; ``sources`` are the SHA-256 of the source folders' lists of images. ``digest`` is
    the dataset's id, and ``text`` the file as it was written.
    """

    job: Job
    pixelgen: str
    numpy: str
    algorithm: str
    encoder: str
    sources: tuple[str, ...]
    digest: str
    text: bytes = field(compare=False, repr=False)

    @classmethod
    def of(cls, job: Job) -> Self:
        """Return the plan of a job that is begun here and now; its sources have been scanned."""
        versions = {
            "pixelgen": __version__,
            "numpy": np.__version__,
            "encoder": job.encoder,
            "algorithm": job.algorithm,
        }
        sources, digest = job.sources.digests, job.digest
        others = {"sources": [*sources], "digest": digest, "job": job.to_dict()}
        text = plan_text({"schema": _SCHEMA} | versions | others)
        return cls(
            job=job.with_sources(NO_SOURCES),
            sources=sources,
            digest=digest,
            text=text,
            **versions,
        )

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read a plan.

        Raises:
            ValueError: If it is not to the bit as some pixelgen wrote it, or if this pixelgen
                does not understand it. The error says what the plan is.
        """
        try:
            members = json.loads(text)
            if not isinstance(members, dict):
                raise ValueError("it is not a JSON object")
            if not is_plan(text):
                raise ValueError("its CRC-32 is not the one in it")
        except (ValueError, RecursionError) as error:
            raise ValueError(f"is damaged or not pixelgen's: {error}") from None
        try:
            return cls(**_read_members(members), text=text)
        except (ValueError, KeyError, TypeError) as error:
            version = str(members.get("pixelgen", ""))
            if _is_newer(version):
                raise ValueError(
                    f"was written by pixelgen {version}, which is newer than this one"
                    f" ({__version__}); {install_version(version)}"
                ) from None
            reason = f"its member {error} is missing" if isinstance(error, KeyError) else error
            raise ValueError(f"cannot be used here: {reason}") from None

    @classmethod
    def read(cls, store: Store, known: "Plan | None" = None) -> "Plan | None":
        """Return the plan of a dataset, or None where it does not exist.

        ``known`` is the plan as it was read before; it is returned where the file still has its
        text.

        Raises:
            Conflict: Where the file is damaged, not pixelgen's, or of a newer pixelgen.
        """
        try:
            text = store.read(PLAN, PLAN_LIMIT)
        except FileNotFoundError:
            return None
        if known and text == known.text:
            return known
        if not any(text):  # torn by a power cut, before anything else was written
            return None
        try:
            return cls.parse(text)
        except ValueError as error:
            raise Conflict(f"{store.path(PLAN)} {error}") from None

    def write(self, store: Store) -> None:
        """Write the plan of a new dataset, and bring it to the disk."""
        store.put(PLAN, self.text)
        store.sync(PLAN)

    @property
    def id(self) -> str:
        """The beginning of the digest, as journals name the job."""
        return self.digest[:_ID_DIGITS]

    def with_layout(self, layout: Layout) -> "Plan":
        """Return the plan with another list of sidecars; all else stays as it was written."""
        if layout == self.job.layout:
            return self
        members = json.loads(self.text)
        members["job"]["layout"] = str(layout)
        return replace(self, job=self.job.with_layout(layout), text=plan_text(members))

    def check_usable(self, job: Job, store: Store) -> None:
        """Raise Conflict where a job cannot be completed or resumed in a dataset of this plan.

        A complete dataset stays what it is whatever versions are installed now; an unfinished one
        must not get its second half from other versions.
        """
        self.compare(job, store.root)
        if not is_finished(store, self.job):
            self.check_resumable(store.root)

    def compare(self, job: Job, root: str) -> None:
        """Raise AnotherJob where the plan is of another job. Sidecars do not count."""
        if differ := _job_differences(self.job, job):
            raise AnotherJob(
                f"{root} holds another job ({'; '.join(differ)}); choose another directory"
            )

    def changed_versions(self) -> str:
        """Return how the versions that bytes depend on differ here; '' where they do not.

        Where they differ, images of this dataset cannot be made here.
        """
        return _differences(
            ("algorithm", self.algorithm, self.job.algorithm),
            ("encoder", self.encoder, self.job.encoder),
        )

    def check_remakeable(self, root: str) -> None:
        """Raise Conflict where the images of this dataset cannot be made here again."""
        if changed := self.changed_versions():
            raise Conflict(
                f"the images in {root} are of another version and cannot be remade or compared here"
                f" ({changed}); {self._install()} or, to check their SHA-256 alone, run: pixelgen"
                f" verify {shell_path(root)}"
            )

    def check_resumable(self, root: str) -> None:
        """Raise Conflict where an unfinished dataset cannot be finished here to the same bytes."""
        if changed := self.changed_versions():
            raise Conflict(
                f"{root} was begun by another version ({changed}) and cannot be resumed here;"
                f" {self._install()}, or choose another directory"
            )

    def check_same_versions(self, root: str) -> None:
        """Raise Conflict where parts made here might not fit those that were made before."""
        changed = _differences(
            ("pixelgen", self.pixelgen, __version__), ("numpy", self.numpy, np.__version__)
        )
        if changed:
            raise Conflict(
                f"{root} was begun by other versions ({changed}); all parts of a dataset must be"
                f" made by the same versions: {self._install()}"
            )

    def _install(self) -> str:
        """Return what to do to have the plan's versions."""
        if self.pixelgen == __version__:
            return "install the same versions as then"
        return install_version(self.pixelgen)


def plan_text(members: dict[str, Any]) -> bytes:
    """Return a plan's file from its members; the CRC-32 of the others is the last."""
    rest = {name: value for name, value in members.items() if name != "crc32"}
    crc = zlib_ng.crc32(json.dumps(rest, indent=1).encode())
    return json.dumps(rest | {"crc32": f"{crc:08x}"}, indent=1).encode() + b"\n"


def is_plan(text: bytes) -> bool:
    """Return whether a plan is to the bit as it was written."""
    try:
        return plan_text(dict(json.loads(text))) == text
    except (ValueError, TypeError, RecursionError):
        return False


def checksum_files(job: Job) -> tuple[str, ...]:
    """Return the name of the file of checksums, if the job has one."""
    return () if job.checksum == "none" else (SUMS,)


def is_finished(store: Store, job: Job) -> bool:
    """Return whether a dataset is complete: it has its manifest, and its journal is gone."""
    return store.size(job.manifest) is not None and not store.exists(JOURNAL)


def differing_fields(old: Job, new: Job) -> set[str]:
    """Return the names of the fields in which two jobs differ; sidecars do not count."""
    before, now = old.identity, new.identity
    return {name for name in {**before, **now} if before.get(name) != now.get(name)}


def _job_differences(old: Job, new: Job) -> list[str]:
    """List the fields in which two jobs differ; what only local jobs have does not count.

    Nor does a greater count beside another field, since generated datasets may grow.
    """
    before, now = old.identity, new.identity
    one_is_remote = bool(old.remote) != bool(new.remote)
    names = [
        name
        for name in dict.fromkeys((*before, *now))
        if before.get(name) != now.get(name)
        and (name in ("remote", "color") or not one_is_remote or (name in before and name in now))
    ]
    if len(names) > 1 and "count" in names and new.count > old.count and not new.remote:
        names.remove("count")
    before, now = _shown_fields(old), _shown_fields(new)
    return [_difference(name, before.get(name, "none"), now.get(name, "none")) for name in names]


def _shown_fields(job: Job) -> dict[str, Any]:
    """Return the fields of a job for a message, with the defaults of those that it omits."""
    densities = {job.image.density_of(family) for family in job.image.family.families}
    defaults = {
        "start": 0,
        "first_id": 1,
        "label": "the default",
        "label_number": job.info.label_number,
        "category_ids": [*job.info.category_numbers],
        "density": " or ".join(f"{each:g}" for each in sorted(densities)),
    }
    removed = {"removed": job.removed.abbreviated()} if job.removed else {}
    selection = {"selection": job.selection[:16]} if job.selection else {}
    return defaults | job.identity | removed | selection


def _difference(name: str, old: object, new: object) -> str:
    """Say how two values differ; of long lists, in which item."""
    if isinstance(old, list) and isinstance(new, list) and len(str(old)) + len(str(new)) > 200:
        if len(old) != len(new):
            return f"{name} has {len(old)} items, not {len(new)}"
        number = next(n for n, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1])
        name, old, new = f"{name}[{number}]", repr(old[number]), repr(new[number])
    old, new = (f"{str(each)[:100]}…" if isinstance(each, list) and len(str(each)) > 100 else each
                for each in (old, new))  # fmt: skip
    return f"{name} is {old}, not {new}"


def _read_members(members: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a plan from the members of its file."""
    for name in members:
        if name not in _MEMBERS:
            raise ValueError(f"its member {str(name)[:50]!r} is unknown")
    if members["schema"] != _SCHEMA:
        raise ValueError(f"its schema is {str(members['schema'])[:20]}, not {_SCHEMA}")
    texts = {name: members[name] for name in _TEXTS}
    images = members["sources"]
    for name, value in texts.items():
        if not isinstance(value, str):
            raise TypeError(f"its {name} is not text")
    if not _VERSION.fullmatch(texts["pixelgen"]):
        raise ValueError("its pixelgen is not a version")
    if not isinstance(images, list) or not all(isinstance(each, str) for each in images):
        raise TypeError("its sources are not a list of text")
    return texts | {"sources": tuple(images), "job": Job.parse(**members["job"])}


def _is_newer(version: str) -> bool:
    """Return whether a version of pixelgen is newer than this one."""
    there, here = _VERSION.fullmatch(version), _VERSION.fullmatch(__version__)
    if not there or not here:
        return False
    return [int(part or 0) for part in there.groups()[:3]] > [
        int(part or 0) for part in here.groups()[:3]
    ]


def _differences(*versions: tuple[str, str, str]) -> str:
    """List what was another version than now: name, then, now."""
    return "; ".join(
        f"{name} was {then[:200] or 'none'}, now it is {now or 'none'}"
        for name, then, now in versions
        if then != now
    )
