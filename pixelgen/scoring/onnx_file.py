"""Sessions of ONNX Runtime: which files are refused, and why, in a line."""

import hashlib
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pixelgen.errors import BadValue, PixelgenError, install_extra
from pixelgen.scoring.score_kinds import Floats

PROVIDER = "CPUExecutionProvider"
OPTIMIZATION = "ORT_ENABLE_ALL"
"""The level at which the runtime optimizes a graph; scores may depend on it."""

TYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}
"""The types that an image input may have, as the runtime and as numpy names them."""

_ONLY_FATAL = 4
_PYTORCH = (".pt", ".pth", ".ckpt")
_CAUSES = (
    (r"Protobuf parsing failed|No graph was found",
     "not an ONNX file, or cut short; copy or export it again"),
    (r"xternal data.*does not exist: \"(?P<name>[^\"]+)\"|xternal.*No such file",
     "its external data is missing; copy the file that holds its weights beside it"),
    (r"Fatal error: (?P<name>\S+?)\(.*not a registered|No Op registered for (?P<op>\w+)",
     "it has an operator that onnxruntime does not know; export it with standard operators"),
    (r"till opset (?P<name>\d+)|max supported IR version: (?P<op>\d+)",
     "it is of a newer version of ONNX than onnxruntime supports; upgrade onnxruntime, or export"
     " it with an older opset"),
)  # fmt: skip


_NUMBERS = re.compile(r"tensor\((b?float16|float|double|bool|u?int\d+)\)")
"""The types of outputs that are arrays of numbers, as ONNX Runtime names them."""

INTEGERS = re.compile(r"tensor\(u?int\d+\)")
"""Those of them that are arrays of integers."""


class Tensor(NamedTuple):
    """An input or output of a model. A length that is not fixed is a name, or None."""

    name: str
    shape: tuple[int | str | None, ...]
    type: str


class Session:
    """A model that ONNX Runtime has loaded, on one thread."""

    def __init__(self, path: str, session: Any, errors: tuple[type[Exception], ...]) -> None:
        self.path = path
        self._session = session
        self._errors = errors
        self.inputs = [Tensor(i.name, tuple(i.shape), i.type) for i in session.get_inputs()]
        outputs = [Tensor(o.name, tuple(o.shape), o.type) for o in session.get_outputs()]
        self.outputs = [each for each in outputs if _NUMBERS.fullmatch(each.type)]
        metadata: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
        self.metadata = metadata

    def run(self, inputs: Mapping[str, npt.NDArray[Any]], outputs: Sequence[str]) -> list[Floats]:
        """Return outputs for inputs by name, as float32.

        Raises:
            PixelgenError: Where the model fails.
        """
        try:
            results = self._session.run(list(outputs), dict(inputs))
        except self._errors as error:
            shape = " and ".join("x".join(map(str, each.shape)) for each in inputs.values())
            raise PixelgenError(
                f"model {self.path} failed on an input of {shape}: {_first_line(error)}"
            ) from None
        with np.errstate(over="ignore"):  # what is infinite then is refused as a score
            return [result.astype(np.float32) for result in results]


def runtime_version() -> str:
    """Return the version of ONNX Runtime."""
    version: str = _import_runtime()[0].__version__
    return version


def digest_file(path: str) -> str:
    """Return the SHA-256 of a file in hexadecimal, once it is seen to be one to load.

    Raises:
        BadValue: Where it is not found, cannot be read, is empty, or is known not to be ONNX.
    """
    file = Path(path)
    if not file.exists():
        raise BadValue(
            f"model {path}: no such file; it must be an ONNX file, or package.module:function"
        )
    if not file.is_file():
        raise BadValue(f"model {path} is a folder or device; it must be an ONNX file")
    try:
        with file.open("rb") as opened:
            start = opened.read(2)
            opened.seek(0)
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise BadValue(f"cannot read the model {path}: {error.strerror}") from None
    if not start:
        raise BadValue(f"model {path} is empty (0 bytes); copy or export it again")
    if _is_pickle(file, start):
        raise BadValue(
            f"model {path} is a file of PyTorch, and loading one runs code that it holds; export"
            f" it to ONNX, as with: yolo export model={file.name} format=onnx"
        )
    return digest


def _is_pickle(file: Path, start: bytes) -> bool:
    if file.suffix.lower() in _PYTORCH:
        return True
    return start[:1] == b"\x80" or (start == b"PK" and zipfile.is_zipfile(file))


def open_session(path: str) -> Session:
    """Load an ONNX file that ``digest_file`` has checked, for one thread of the CPU.

    Raises:
        BadValue: Where ONNX Runtime is not installed or cannot load it, or it returns no numbers.
    """
    runtime, errors = _import_runtime()
    options = runtime.SessionOptions()
    options.log_severity_level = _ONLY_FATAL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = getattr(runtime.GraphOptimizationLevel, OPTIMIZATION)
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    try:
        session = runtime.InferenceSession(path, options, providers=[PROVIDER], enable_fallback=0)
    except errors as error:
        raise BadValue(f"cannot load the model {path}: {_explain(error)}") from None
    found = Session(path, session, errors)
    if not found.outputs:
        raise BadValue(
            f"model {path} has no output that is an array of numbers; export it with one"
        )
    return found


def _import_runtime() -> tuple[Any, tuple[type[Exception], ...]]:
    """Return the module, and the errors of it."""
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as state
    except ImportError:
        raise BadValue(f"an ONNX model needs onnxruntime; {install_extra('mine')}") from None
    names = ("EPFail", "Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoModel",
             "NoSuchFile", "NotImplemented", "RuntimeException")  # fmt: skip
    return onnxruntime, (RuntimeError, ValueError, *(getattr(state, name) for name in names))


def _explain(error: Exception) -> str:
    """Return the cause of an error of the runtime in words of ours, or its first line."""
    text = " ".join(str(error).split())
    for pattern, cause in _CAUSES:
        if found := re.search(pattern, text):
            names = [Path(name).name for name in found.groups() if name]
            return cause + (f" ({names[0]})" if names else "")
    return f"onnxruntime refuses it: {_first_line(error)}"


def _first_line(error: Exception) -> str:
    """Return the first line of an error of the runtime, without its code, or the start of it."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    line = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", line)
    line = re.sub(r"^Load model from .*? failed:", "", line)
    return line if len(line) <= 200 else f"{line[:200]}…"
