"""How a model is fed: from the options, the metadata and the shape of its input."""

from math import isfinite

from pixelgen.errors import BadValue
from pixelgen.scoring.model_metadata import ModelMetadata
from pixelgen.scoring.model_options import ModelOptions
from pixelgen.scoring.onnx_file import TYPES, Session, Tensor
from pixelgen.scoring.preprocessing import Preprocessing

_CHANNELS = (3, 1)
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of the channels of ImageNet."""
_SIZES = "orig_target_sizes"
"""The name that RT-DETR and D-FINE give to an input of the width and height of each image."""


def choose_preprocessing(
    session: Session, options: ModelOptions, metadata: ModelMetadata
) -> Preprocessing:
    """Return how images are fed to a model, before its kind is known: without a letterbox.

    Raises:
        BadValue: Where the input is not one of images, or an option does not fit it.
    """
    path = session.path
    tensor, size_name = _find_inputs(session)
    layout = _choose_layout(path, tensor, options, metadata)
    axis = layout.index("c")
    channels = tensor.shape[axis]
    if isinstance(channels, int) and channels not in _CHANNELS:
        raise BadValue(
            f"input of the model {path} is {_shape(tensor)}, with {channels} channels as {layout}:"
            " must be 3 or 1; choose the order of the axes with --layout-in"
        )
    count = channels if isinstance(channels, int) else 3
    if options.bgr and count == 1:
        raise BadValue(f"--bgr cannot be used with the model {path}: its input is gray; omit it")
    width, height = _choose_size(path, tensor, layout, options, metadata)
    scale, mean, std = _choose_levels(session, tensor, count, options, metadata)
    return Preprocessing(
        width=width,
        height=height,
        layout=layout,
        channels=count,
        bgr=options.bgr,
        letterbox=False,
        scale=scale,
        mean=mean,
        std=std,
        type=TYPES[tensor.type],
        name=tensor.name,
        size_name=size_name,
    )


def _shape(tensor: Tensor) -> str:
    return f"[{', '.join('?' if each is None else str(each) for each in tensor.shape)}]"


def _find_inputs(session: Session) -> tuple[Tensor, str]:
    """Return the input of images, and the name of that of their sizes, or ''."""
    sizes = [each.name for each in session.inputs if _is_of_sizes(each)]
    images = [each for each in session.inputs if each.name not in sizes]
    if len(images) != 1:
        names = ", ".join(tensor.name for tensor in session.inputs)
        raise BadValue(
            f"model {session.path} has {len(session.inputs)} inputs ({names}): must have one, of"
            f" images, and may have {_SIZES} of int64; export it so, or use a Python function as"
            " package.module:function"
        )
    _check_image_input(session.path, images[0])
    return images[0], next(iter(sizes), "")


def _is_of_sizes(tensor: Tensor) -> bool:
    return (tensor.name, tensor.type, len(tensor.shape)) == (_SIZES, "tensor(int64)", 2)


def _check_image_input(path: str, tensor: Tensor) -> None:
    if tensor.type not in TYPES:
        raise BadValue(
            f"input {tensor.name!r} of the model {path} is {tensor.type}: must be a tensor"
            " of float, float16 or uint8; export it so"
        )
    if len(tensor.shape) not in {3, 4}:
        raise BadValue(
            f"input {tensor.name!r} of the model {path} has {len(tensor.shape)} axes: must have 4,"
            " of batch, channels, height and width, or 3 without the batch; export it so"
        )


def _choose_layout(
    path: str, tensor: Tensor, options: ModelOptions, metadata: ModelMetadata
) -> str:
    layout = options.layout_in or _find_layout(path, tensor, metadata)
    return layout if len(tensor.shape) == 4 else layout.removeprefix("n")


def _find_layout(path: str, tensor: Tensor, metadata: ModelMetadata) -> str:
    """Return the order of the axes: by the one that is 3, or 1, or has the name of channels."""
    first, _, last = tensor.shape[-3:]
    for channels in _CHANNELS:
        if first == channels:
            return "nchw"
        if last == channels:
            return "nhwc"
    if "channel" in str(first) or (metadata.processor and not isinstance(first, int)):
        return "nchw"
    if "channel" in str(last):
        return "nhwc"
    raise BadValue(
        f"input of the model {path} is {_shape(tensor)}: which axis is of the channels is unknown;"
        " give --layout-in nchw or nhwc"
    )


def _choose_size(
    path: str, tensor: Tensor, layout: str, options: ModelOptions, metadata: ModelMetadata
) -> tuple[int, int]:
    """Return width and height: those of the input where it fixes them."""
    known = options.input_size or metadata.size
    if not known and metadata.processor:
        known = metadata.processor.size
    fixed = tensor.shape[layout.index("w")], tensor.shape[layout.index("h")]
    sides = [
        side if isinstance(side, int) else known[at] if known else 0
        for at, side in enumerate(fixed)
    ]
    width, height = sides
    if not width or not height:
        raise BadValue(
            f"input of the model {path} is {_shape(tensor)}, of any width and height; give"
            " --input-size WxH, as it was trained with"
        )
    if options.input_size and options.input_size != (width, height):
        raise BadValue(
            f"--input-size {options.input_size[0]}x{options.input_size[1]} does not fit the model"
            f" {path}: must be {width}x{height}; omit it"
        )
    if width % metadata.stride or height % metadata.stride:
        raise BadValue(
            f"input size {width}x{height} does not fit the model {path}: width and height must be"
            f" multiples of {metadata.stride}, its stride; choose them with --input-size"
        )
    return width, height


def _choose_levels(
    session: Session, tensor: Tensor, channels: int, options: ModelOptions, metadata: ModelMetadata
) -> tuple[float, tuple[float, ...], tuple[float, ...]]:
    """Return scale, mean and standard deviation."""
    given = [
        name
        for name, value in (
            ("--scale", options.scale),
            ("--mean", options.mean),
            ("--std", options.std),
        )
        if value is not None
    ]
    if TYPES[tensor.type] == "uint8":
        if given:
            raise BadValue(
                f"{' and '.join(given)} cannot be used with the model {session.path}: its input"
                " takes the levels 0 … 255 as uint8; omit them"
            )
        return 1.0, (0.0,), (1.0,)
    scale, mean, std = _usual_levels(session, channels, metadata)
    scale = scale if options.scale is None else options.scale
    mean = options.mean or mean
    std = options.std or std
    _check_levels(session.path, channels, scale, mean, std)
    return scale, mean, std


def _usual_levels(
    session: Session, channels: int, metadata: ModelMetadata
) -> tuple[float, tuple[float, ...], tuple[float, ...]]:
    """Return scale, mean and standard deviation where no option gives them.

    RF-DETR is known by its outputs; it is fed as its own rfdetr/export/_onnx/inference.py does.
    """
    if processor := metadata.processor:
        return processor.scale, processor.mean, processor.std
    axes = {each.name: len(each.shape) for each in session.outputs}
    if (axes.get("dets"), axes.get("labels"), channels) == (3, 3, 3):
        return 1 / 255, *_IMAGENET
    return 1 / 255, (0.0,), (1.0,)


def _check_levels(
    path: str, channels: int, scale: float, mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    for name, values in (("--mean", mean), ("--std", std)):
        if len(values) not in {1, channels}:
            raise BadValue(
                f"{len(values)} numbers of {name} do not fit the model {path}, whose input has"
                f" {channels} channels: must be 1 or {channels}; give {name} so"
            )
    if not all(map(isfinite, (scale, *mean, *std))) or 0 in {scale, *std}:
        raise BadValue(
            f"--scale, --mean and --std of the model {path} must be finite numbers, scale and"
            " standard deviation not 0; correct them"
        )
