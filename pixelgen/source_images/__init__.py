"""The user's images, and other image files that others made: read within limits, and scanned."""

from pixelgen.source_images.crop_room import CROP_WORDS as CROP_WORDS
from pixelgen.source_images.crop_room import CropRoom as CropRoom
from pixelgen.source_images.decoded import Levels as Levels
from pixelgen.source_images.files import FORMATS as FORMATS
from pixelgen.source_images.files import MOST_BYTES as MOST_BYTES
from pixelgen.source_images.files import MOST_PIXELS as MOST_PIXELS
from pixelgen.source_images.files import WARNED_PIXELS as WARNED_PIXELS
from pixelgen.source_images.files import UnusableImage as UnusableImage
from pixelgen.source_images.files import decode as decode
from pixelgen.source_images.files import is_inside as is_inside
from pixelgen.source_images.files import read_file as read_file
from pixelgen.source_images.folder import MOST_IMAGES as MOST_IMAGES
from pixelgen.source_images.folder import NO_SOURCES as NO_SOURCES
from pixelgen.source_images.folder import ImageSource as ImageSource
from pixelgen.source_images.folder import SourceCatalog as SourceCatalog
from pixelgen.source_images.folder import SourceFolder as SourceFolder
from pixelgen.source_images.folder import scan_folder as scan_folder
from pixelgen.source_images.images import SourceImage as SourceImage
from pixelgen.source_images.images import Window as Window
from pixelgen.source_images.selection import LONGEST_NAME as LONGEST_NAME
from pixelgen.source_images.selection import SelectedImage as SelectedImage
from pixelgen.source_images.selection import Selection as Selection
