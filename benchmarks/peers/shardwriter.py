"""Write samples by webdataset's own writer: N SIZE OUT HOW, of pixels or of encoded images.

The rows are pixelgen's, as in its shards, so that the members and the manifest are the same.
"""

import sys
from pathlib import Path

import webdataset

from pixelgen import Job
from pixelgen.layouts import ImageRecord

count, size, out, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
job = Job.parse(
    count=count, width=size, height=size, layout="webdataset:per_shard=1000", checksum="none"
)
make = job.maker()
with (
    Path(out, "metadata.jsonl").open("wb") as manifest,
    webdataset.ShardWriter(f"{out}/negatives-%06d.tar", maxcount=1000, verbose=0) as sink,
):
    for index in range(count):
        image = job.render(index) if how == "pixels" else bytes(make(index))
        row = job.info.row(ImageRecord(index, len(image), "", ""))
        manifest.write(row)
        sink.write({"__key__": job.info.key(index), "cls": b"0", "json": row[:-1], "png": image})
