"""Write samples by webdataset's own writer: N SIZE OUT HOW, of pixels or of encoded images."""

import json
import sys

import webdataset

from pixelgen import Job
from pixelgen.layouts import Fact

count, size, out, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
job = Job(count=count, width=size, height=size)
make = job.maker()
with webdataset.ShardWriter(f"{out}/negatives-%06d.tar", maxcount=1000, verbose=0) as sink:
    for index in range(count):
        row = json.loads(job.roster.row(Fact(index, 3000, "0" * 64, "")))
        image = job.render(index) if how == "pixels" else bytes(make(index))
        sink.write({"__key__": job.roster.key(index), "png": image, "cls": 0, "json": row})
