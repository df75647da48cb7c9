"""What scores images: a model of the user's, or a function, by its highest confidence."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self, TypeAlias

import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.uint8]
"""An image in RGB, (height, width, 3)."""


class Score(NamedTuple):
    """What a model sees in an image that holds none of its objects.

    Attributes:
        value: Its highest confidence that there is one, 0 … 1.
        predicted: The class of that object; '' if the model names none.
    """

    value: float
    predicted: str


Scorer: TypeAlias = Callable[[Sequence[Image]], list[Score]]
"""Scores images, which may differ in size. It is used by one thread."""


@dataclass(frozen=True)
class Model(ABC):
    """A model as a value that can be sent to another process, which opens it there.

    Attributes:
        path: The file, or ``package.module:function``.
    """

    path: str

    @property
    @abstractmethod
    def description(self) -> str:
        """What it is taken for, in a line: of what kind, how images are fed to it."""

    @property
    @abstractmethod
    def input_size(self) -> tuple[int, int] | None:
        """Width and height that images are resized to; None if it takes any size."""

    @property
    @abstractmethod
    def default_threshold(self) -> float:
        """The confidence from which on an image is usually taken for an object."""

    @property
    def is_local(self) -> bool:
        """Whether other processes cannot open it."""
        return False

    @property
    def least_seconds(self) -> float:
        """The time that an image takes at least, rendered and scored on any machine."""
        return 5e-5

    @property
    @abstractmethod
    def record(self) -> dict[str, str]:
        """What its scores depend on, as it is recorded; nothing of where the file is."""

    @abstractmethod
    def absolute(self) -> Self:
        """Return the same model, for a process in another directory."""

    @abstractmethod
    def open(self) -> Scorer:
        """Load it.

        Raises:
            BadValue: Where it cannot be loaded, or used.
        """
