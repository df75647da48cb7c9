"""A large JSON object, read member by member: of an array, an item at a time."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from pixelgen.errors import BadValue

_CHUNK = 1 << 20  # bytes
_VALUE_LIMIT = 64 << 20  # characters; an annotation with its mask has far fewer
_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


class JsonObject:
    """The JSON object in a file; reads it from the beginning, in constant memory.

    After each name of :meth:`names` its value must be read, by :meth:`items` or :meth:`skip`.
    Methods raise BadValue where the file is not such an object, or has a value of over 64 MB.
    ``has_byte_order_mark`` says, once there was a name, whether the file begins with U+FEFF.
    """

    def __init__(self, file: BinaryIO, path: object) -> None:
        self._file = file
        self._path = path
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._text = ""
        self._at = 0
        self._passed = 0
        self._ended = False
        self.has_byte_order_mark = False

    @property
    def offset(self) -> int:
        """The number of bytes that were read."""
        return self._passed + len(self._text[: self._at].encode())

    def names(self) -> Iterator[str]:
        """Yield the name of each member.

        Raises:
            BadValue: For a name that occurs twice, and for text after the object.
        """
        if self._peek() == "\ufeff":  # editors on Windows write it
            self.has_byte_order_mark = True
            self._at += 1
        self._take("{")
        seen: set[str] = set()
        if self._peek() == "}":
            return
        while True:
            name = self._value()
            if not isinstance(name, str) or name in seen:
                raise self._error(f"the member {str(name)[:50]!r} is not a name, or is there twice")
            seen.add(name)
            self._take(":")
            yield name
            if self._take(",}") == "}":
                break
        if self._peek():
            raise self._error("there is more after its end")

    def items(self) -> Iterator[Any]:
        """Yield the items of an array."""
        self._take("[")
        if self._peek() == "]":
            self._take("]")
            return
        while True:
            yield self._value()
            if self._take(",]") == "]":
                return

    def skip(self) -> None:
        """Pass over a value."""
        if self._peek() == "[":
            for _ in self.items():
                pass
        else:
            self._value()

    def _value(self) -> Any:
        self._peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not self._fill():
                    raise self._error(error.msg) from None
            except (ValueError, RecursionError) as error:  # digits without end, nesting
                raise self._error(str(error)[:80]) from None
            else:
                if end < len(self._text) or self._ended:
                    self._at = end
                    return value
                self._fill()  # a number may continue there

    def _take(self, allowed: str) -> str:
        found = self._peek()
        if not found or found not in allowed:
            what = repr(found) if found else "the end"
            raise self._error(f"{what} is where {' or '.join(allowed)} must be")
        self._at += 1
        return found

    def _peek(self) -> str:
        """Return the next character that is not a space; '' at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fill():
                return ""

    def _fill(self) -> bool:
        """Read on; return False at the end of the file. What is before the place is dropped."""
        rest = len(self._text) - self._at
        if rest > _VALUE_LIMIT:
            raise self._error(f"it has a value of over {_VALUE_LIMIT:,} characters")
        self._passed = self.offset
        data = self._file.read(max(_CHUNK, rest))
        try:
            more = self._decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise self._error(f"it is not UTF-8: {error.reason}") from None
        self._text, self._at = self._text[self._at :] + more, 0
        self._ended = not data
        return not self._ended

    def _error(self, reason: str) -> BadValue:
        return BadValue(
            f"{self._path} cannot be read as a JSON object near byte {self.offset:,}: {reason}"
        )
