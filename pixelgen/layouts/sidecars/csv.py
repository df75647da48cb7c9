"""The manifest as a table, for spreadsheets and for tools that cannot read JSON."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixelgen.layouts.base import File, ManifestView, Sidecar
from pixelgen.layouts.dataset_info import DatasetInfo


@dataclass(frozen=True)
class Csv(Sidecar):
    """A table: manifest.csv, with the rows of the manifest (RFC 4180, but with LF line endings).

    The name is not metadata.csv, since Hugging Face datasets refuses it beside a metadata.jsonl.
    """

    name = "csv"
    containers: ClassVar = ()

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the table."""
        yield "manifest.csv", _table(manifest)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of pandas."""
        call = f"pandas.read_csv({f'{root}/manifest.csv'!r})"
        return f'{call}.query("split == {info.first_split!r}")' if info.splits else call


def _table(manifest: ManifestView) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for number, row in enumerate(manifest.rows()):
        if number == 0:
            writer.writerow(row.keys())
        writer.writerow(row.values())
        yield text.getvalue().encode()
        text.seek(text.truncate(0))
