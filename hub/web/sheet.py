"""An invitation on paper: a sheet of A5 with the QR code, in Japanese and English, printed from a browser."""

from functools import partial
from pathlib import Path

import segno
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from devices.frame import Millis
from hub.config.town import Town
from hub.days import wall
from hub.web.words import says

MODULE = 5
"""CSS pixels of one square: the code is read from an arm's length."""


def sheet(town: Town, url: str, until: Millis) -> str:
    """HTML with everything in it: no file, no font and no script from elsewhere."""
    code = segno.make_qr(url, error="m").svg_inline(scale=MODULE, border=4, light="#fff")
    end = wall(until, town.zone_info)
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("sheet.html").render(
        ja=partial(says, "ja"),
        en=partial(says, "en"),
        site=town.site,
        code=Markup(code),  # noqa: S704 (made here, of a link of ours)
        url=url,
        until=f"{end:%Y-%m-%d}",
    )
