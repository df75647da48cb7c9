"""The naive loop into tar archives of 1,000, as pixelgen lays them out: COUNT SIZE DIRECTORY.

Beside each image stand its class and its row, and all rows make a manifest.
"""

import io
import json
import sys
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

_IMAGES = 1000

if __name__ == "__main__":
    count, side, out = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    rng = np.random.default_rng()
    with (out / "metadata.jsonl").open("w") as rows:
        for first in range(0, count, _IMAGES):
            shard = f"negatives-{first // _IMAGES:06d}.tar"
            with tarfile.open(out / shard, "w") as archive:
                for index in range(first, min(first + _IMAGES, count)):
                    pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
                    image = io.BytesIO()
                    Image.fromarray(pixels).save(image, "PNG")
                    row = json.dumps(
                        {"file_name": f"{index:06d}.png", "shard": shard, "index": index,
                         "width": side, "height": side, "mode": "RGB", "depth": 8, "format": "PNG",
                         "bytes": image.tell(), "generator": "uniform"}
                    )  # fmt: skip
                    rows.write(f"{row}\n")
                    files = {"cls": b"0", "json": row.encode(), "png": image.getvalue()}
                    for suffix, data in files.items():
                        member = tarfile.TarInfo(f"{index:06d}.{suffix}")
                        member.size = len(data)
                        archive.addfile(member, io.BytesIO(data))
