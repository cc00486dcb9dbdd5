"""How pages are made from templates: one HTML file with its pictures inside, in the style of the report."""

import base64
from pathlib import Path

import jinja2

from lvseg.pages.numbers import number


def environment(folder: Path) -> jinja2.Environment:
    """Return what renders the templates of a folder; they include `head.html`.

    Filters: `number`, a number with its decimals; `inline`, a PNG or JPEG file or its bytes as a data URI.
    """
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(number=number, inline=_inline)
    return made


def _inline(picture: Path | bytes) -> str:
    content = picture if isinstance(picture, bytes) else picture.read_bytes()
    kind = "jpeg" if content.startswith(b"\xff\xd8") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
