"""Where the objects are in a labelled dataset of the user's: boxes. One module a format."""

from pixelgen.user_datasets.boxes.base import Labels as Labels
from pixelgen.user_datasets.boxes.base import PixelBoxes as PixelBoxes
from pixelgen.user_datasets.boxes.base import pixel_boxes as pixel_boxes
from pixelgen.user_datasets.boxes.detect import read_labels as read_labels
