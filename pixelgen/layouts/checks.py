"""What a layout cannot hold."""

from pixelgen.errors import BadValue
from pixelgen.formats import Format
from pixelgen.image_types import Sizes
from pixelgen.layouts.base import Container
from pixelgen.layouts.dataset_info import DatasetInfo
from pixelgen.layouts.layout import Layout


def check_layout(layout: Layout, image_format: Format, checksum: str, size: Sizes) -> None:
    """Refuse a layout that cannot hold the format or sizes, or that lacks checksums it lists.

    Raises:
        BadValue: For such a layout.
    """
    for component in layout.components:
        if component.needs_checksum and checksum == "none":
            raise BadValue(
                f"layout {component.name} lists checksums and cannot be combined with"
                " --checksum none"
            )
    if layout.container.has_one_size and not size.is_fixed:
        raise BadValue(
            f"layout {layout.container.name} holds images of one size, not {size}; write one size,"
            " such as 300x200, or choose another layout"
        )
    allowed = layout.container.formats
    if allowed and image_format.name not in allowed:
        raise BadValue(
            f"layout {layout.container.name} holds {' or '.join(allowed)}, not {image_format.name}"
        )


def check_splits(container: Container, info: DatasetInfo) -> None:
    """Refuse splits of which one would have no image.

    Raises:
        BadValue: For such splits.
    """
    for name in info.split_names:
        if info.count and not info.has_images(name):
            raise BadValue(
                f"split {name} would be empty: {container.name} splits by the file, and there are"
                f" {info.shard_count} of {info.shard_size:,} images; give per_shard=…, or make more"
                " images"
                if info.splits_shards and info.shard_size > 1
                else f"split {name} would be empty: none of {info.count} images is in it; make more"
            )
