"""The web page: the parameters as a form, the image, and the commands that make it again."""

import base64
import hashlib
import html
import re
from collections.abc import Iterable
from pathlib import Path

from pixelgen.pixlab.server.params import EXPORT_FORMATS
from pixelgen.registry import components

_INLINE = re.compile(r"<(style|script)>(.*?)</\1>", re.DOTALL)
_POLICY = (
    "default-src 'none'; style-src {style}; script-src {script}; img-src blob: data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page() -> tuple[bytes, str]:
    """Return the page in HTML, and its Content-Security-Policy.

    The policy names the page's own style and script by their SHA-256, so that nothing else runs;
    https://www.w3.org/TR/CSP3/.
    """
    text = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    hashes = {name: _hash(code) for name, code in _INLINE.findall(text)}
    text = text.replace("{noise}", _options(components("family"), "uniform"))
    text = text.replace("{export}", _options(dict.fromkeys(EXPORT_FORMATS.values()), "png"))
    return text.encode(), _POLICY.format(**hashes)


def _hash(code: str) -> str:
    digest = hashlib.sha256(code.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _options(names: Iterable[str], selected: str) -> str:
    """Return the options of a drop-down list in HTML."""
    return "".join(
        f"<option{' selected' if name == selected else ''}>{html.escape(name)}</option>"
        for name in names
    )
