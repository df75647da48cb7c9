"""Write as many bytes as a directory holds, file by file, by plain os.write: DIRECTORY OUT."""

import os
import sys
from pathlib import Path

buffer = memoryview(os.urandom(1 << 20))
for path in sorted(Path(sys.argv[1]).iterdir()):
    left = path.stat().st_size
    file = os.open(f"{sys.argv[2]}/{path.name}", os.O_WRONLY | os.O_CREAT)
    while left:
        left -= os.write(file, buffer[:left])
    os.close(file)
