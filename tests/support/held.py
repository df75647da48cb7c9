"""A family whose images wait until a test releases them: ``Gate`` in tests.support.serving."""

import os
import socket
from dataclasses import dataclass

import numpy as np

from pixelgen.families import Family
from pixelgen.image_types import Pixels, Shape
from pixelgen.rng import Stream

PORT = "PIXELGEN_TEST_GATE"


@dataclass(frozen=True)
class Held(Family):
    """Black, once the gate releases it."""

    number = 9002

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        with socket.create_connection(("127.0.0.1", int(os.environ[PORT]))) as line:
            line.recv(1)
        return np.zeros(shape.levels, shape.dtype)
