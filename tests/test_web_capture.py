"""The form at the end of a trap's task, and the picture that goes with it."""

import contextlib
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.config.settings import Web
from hub.model import Stage
from hub.web import capture
from hub.web.photos import JPEG, PNG, PhotoError, Photos, stripped
from tests.paged import CAUGHT, GPS, jpeg, paged
from tests.timeline import SPRUNG, animal
from tests.towns import DAY

# --- the form ------------------------------------------------------------------------------------------


async def test_what_is_missing_in_the_form_is_said_at_once_and_what_was_written_stays(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        await p.does("yamane", "arrive")
        said = {"result": "captured", "count": "たくさん", "note": "沢の <b>手前</b>", "sex": "male"}
        answer = await p.post(p.link("yamane"), files={"picture": jpeg()}, do="done", **said)
        assert answer.status == 422
        assert answer.html.count('class="error"') == 5, "trap, species, age, disposal, count"
        assert 'value="male" checked' in answer.html
        assert "沢の &lt;b&gt;手前&lt;/b&gt;" in answer.html
        assert "写真は受け取りました" in answer.text
        kept = answer.html.split('name="photo" value="')[1].split('"')[0]
        assert p.alert().task.stage is Stage.ON_SITE  # type: ignore[union-attr]
        answer = await p.post(p.link("yamane"), do="done", photo=kept, **CAUGHT)
        assert answer.status == 303
        assert p.hub.ledger.acts_on(p.alert().id)[-1].form["photo"] == kept


@pytest.mark.parametrize(
    ("picture", "said"),
    [(b"GIF89a...", "JPEG か PNG"), (b"\xff\xd8\xff" + b"x" * 9_000_000, "大きすぎます")],
)
async def test_a_file_that_is_no_picture_or_too_large_is_refused_in_words(
    tmp_path: Path, picture: bytes, said: str
) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        await p.does("yamane", "arrive")
        answer = await p.post(p.link("yamane"), files={"picture": picture}, do="done", **CAUGHT)
        assert answer.status == 422
        assert said in answer.text
        assert list((tmp_path / "photos").glob("*")) == []


async def test_a_picture_is_seen_through_a_link_of_its_alert_by_those_who_work_on_it(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        await p.does("yamane", "arrive")
        await p.post(p.link("yamane"), files={"picture": jpeg()}, do="done", **CAUGHT)
        name = p.hub.ledger.acts_on(p.alert().id)[-1].form["photo"]
        shown = await p.get(p.link("inukai"))
        assert f"{p.link('inukai')}/photo/{name}" in shown.html
        seen = await p.get(f"{p.link('inukai')}/photo/{name}")
        assert seen.headers["content-type"] == "image/jpeg"
        assert seen.headers["cache-control"] == "no-store"
        assert b"GPS" not in seen.body
        assert (await p.get(f"/a/bad/photo/{name}")).status == 404
        assert (await p.get(f"{p.link('inukai')}/photo/{name}x")).status == 404
        await p.says("cam", animal("boar"))
        assert (await p.get(f"{p.link('yamane')}/photo/{name}")).status == 404, "a link to another alert"


@pytest.mark.parametrize("result", capture.RESULTS)
def test_the_form_asks_for_what_its_result_needs(result: str) -> None:
    needed = {
        "captured": {"trap", "species", "sex", "age", "disposal", "count"},
        "wrong": {"trap", "species", "count"},
        "empty": {"trap"},
        "escaped": {"trap"},
    }
    assert set(capture.read({"result": result}).errors) == needed[result]
    filled = capture.read(CAUGHT | {"result": result, "count": "２"})
    assert not filled.errors
    assert filled.form.get("count", "") == ("2" if "species" in needed[result] else "")


def test_a_form_that_nobody_filled_in_so_is_refused_and_never_kept() -> None:
    strange = dict.fromkeys((*capture.CHOICES, "count"), "'; DROP TABLE act")
    assert set(capture.read(strange).errors) == {"result", "trap", *capture.CHOICES}
    assert capture.read(CAUGHT | {"note": "x" * 301, "evidence": "9" * 41}).errors == {
        "evidence": "long",
        "note": "long",
    }
    assert "who" not in capture.read(CAUGHT | {"who": "mayor", "cause": "x"}).form


# --- pictures ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [">", "<"])
@pytest.mark.parametrize("turned", range(1, 9))
def test_of_a_photo_the_picture_stays_and_where_it_was_taken_goes(turned: int, order: str) -> None:
    kept, suffix = stripped(jpeg(turned=turned, order=order))
    assert suffix == ".jpg"
    assert b"GPS" not in kept
    assert b"YAMANE" not in kept
    assert kept.endswith(b"scan\xff\xd9")
    assert b"\xff\xdb\x00\x05" in kept
    again, _ = stripped(kept)
    assert again == kept, "which way up it is stays, whatever is done again"
    assert (b"Exif" in kept) == (turned != 1)


def test_of_a_png_the_texts_go() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + b"crc!"

    bare = PNG + chunk(b"IHDR", b"h" * 13) + chunk(b"IDAT", b"d") + chunk(b"IEND", b"")
    full = PNG + chunk(b"IHDR", b"h" * 13) + chunk(b"eXIf", GPS) + chunk(b"tEXt", b"Author\0Y")
    full += chunk(b"IDAT", b"d") + chunk(b"IEND", b"") + b"what is behind the end"
    assert stripped(full) == (bare, ".png")


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda data: JPEG + data)))
def test_whatever_is_sent_is_a_picture_or_refused(data: bytes) -> None:
    with contextlib.suppress(PhotoError):
        assert stripped(data)[0].startswith((JPEG, PNG))


def test_a_picture_is_found_by_its_alert_alone_and_deleted_when_its_time_is_over(tmp_path: Path) -> None:
    photos = Photos(Web(photos=tmp_path / "p", keep_photos="10d"))
    name = photos.keep("trap-1a", jpeg())
    assert photos.find("trap-1a", name)
    assert photos.find("trap-2b", name) is None
    for bad in ("", "../naruko.db", f"../p/{name}", "trap-1a-x.jpg", "trap-1a-../../etc/passwd"):
        assert photos.find("trap-1a", bad) is None
    assert (tmp_path / "p" / name).stat().st_mode & 0o077 == 0
    now = int(time.time() * 1000)  # noqa: TID251 (the file's own time)
    assert photos.forget(now + 9 * DAY) == 0
    assert photos.forget(now + 11 * DAY) == 1
    assert photos.find("trap-1a", name) is None
