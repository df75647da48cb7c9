"""The naive loop, each image hashed and listed, all synced in the end: COUNT SIZE DIRECTORY."""

import hashlib
import io
import json
import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image

if __name__ == "__main__":
    count, side, out = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    rng = np.random.default_rng()
    with (out / "metadata.jsonl").open("w") as rows:
        for index in range(count):
            pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "PNG")
            data, name = file.getvalue(), f"{index:06d}.png"
            (out / name).write_bytes(data)
            row = {"file_name": name, "index": index, "width": side, "height": side, "mode": "RGB",
                   "depth": 8, "format": "PNG", "bytes": len(data),
                   "sha256": hashlib.sha256(data).hexdigest()}  # fmt: skip
            rows.write(json.dumps(row) + "\n")
    os.sync()
