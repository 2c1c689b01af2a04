"""Who may read `/metrics`, and what it never says."""

import asyncio
import logging
from pathlib import Path

import pytest
from pydantic import SecretStr

from hub.config.load import load
from tests.config_towns import make_town, problems_of
from tests.paged import paged, village
from tests.timeline import SPRUNG, animal
from tests.waiting import until

TOKEN = "5f8a0c2d9b7e41638a5c"


async def test_without_a_token_only_this_machine_reads_the_numbers_and_no_proxy_publishes_them(
    tmp_path: Path,
) -> None:
    async with paged(tmp_path) as p:
        assert (await p.get("/metrics")).status == 200
        assert (await p.get("/metrics", host="localhost:8470")).status == 200
        no_page = await p.get("/wp-login.php")
        for headers in (
            {"x_forwarded_for": "127.0.0.1"},
            {"forwarded": "for=127.0.0.1"},
            {"x_real_ip": "127.0.0.1"},
            {"via": "1.1 proxy"},
            {"host": "naruko.town.example.jp"},
            {"authorization": "Bearer "},
        ):
            answer = await p.get("/metrics", **({"x_forwarded_for": "203.0.113.7"} | headers))
            assert answer.status == 404, headers
            assert answer.body == no_page.body, "as if there were no such page"
        assert (await p.get("/metrics", host="naruko.town.example.jp")).status == 404


async def test_a_proxy_that_says_nothing_of_itself_but_asks_in_http_1_0_publishes_nothing(
    tmp_path: Path,
) -> None:
    async with paged(tmp_path) as p:
        assert p.hub.web_port
        reader, writer = await asyncio.open_connection("127.0.0.1", p.hub.web_port)
        writer.write(b"GET /metrics HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        assert b" 404 " in await reader.readline()
        writer.close()


async def test_with_its_token_a_scraper_reads_from_elsewhere_and_with_no_other(tmp_path: Path) -> None:
    made = village(tmp_path, metrics_token=SecretStr(TOKEN))
    outside = {"x_forwarded_for": "203.0.113.7"}
    async with paged(tmp_path, made) as p:
        assert (await p.get("/metrics", authorization=f"Bearer {TOKEN}", **outside)).status == 200
        assert (await p.get("/metrics", authorization=f"bearer {TOKEN}", **outside)).status == 200
        for wrong in ("", "Bearer", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, "Bearer \xe9"):
            assert (await p.get("/metrics", authorization=wrong, **outside)).status == 404, wrong
        assert (await p.get("/metrics")).status == 200


def test_the_token_comes_from_a_file_and_a_short_one_is_refused(tmp_path: Path) -> None:
    folder = make_town(tmp_path / "town")
    with (folder / "hub.yaml").open("a", encoding="utf-8") as hub:
        hub.write("\nweb: {metrics_token_file: metrics_token}\n")
    (folder / "metrics_token").write_text(TOKEN + "\n", encoding="utf-8")
    web = load(folder, {}).hub.web
    assert web
    assert web.metrics_token
    assert web.metrics_token.get_secret_value() == TOKEN
    assert TOKEN not in repr(web)
    (folder / "metrics_token").write_text("geheim\n", encoding="utf-8")
    (problem,) = problems_of(folder, {})
    assert "fewer than 20 characters" in problem
    assert "geheim" not in problem


# --- what is never said --------------------------------------------------------------------------------


async def test_no_person_no_address_no_token_and_no_trap_is_in_the_numbers_or_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "naruko")
    made = village(tmp_path, metrics_token=SecretStr(TOKEN))
    async with paged(tmp_path, made) as p:
        await p.says("trap-1", SPRUNG)
        await p.does("yamane", "take")
        await p.says("cam", animal("boar", 0.9), animal("boar", 0.9))
        await p.says("wire", {"type": "wire", "state": "cut"})
        await until(lambda: p.hub.counts.told["mail", "sent"] > 0, "somebody is told")
        text = (await p.get("/metrics", authorization=f"Bearer {TOKEN}")).html
        ready = (await p.get("/readyz")).html
        secrets = {TOKEN, "example.jp", "127.0.0.1:2525", p.hub.town.site.id + '"'}
        for person in made.people.values():
            secrets |= {person.id, person.name, *person.name.split()}
        for device in made.devices.values():
            secrets |= {device.id, device.name, device.place, device.place_en}
            secrets |= {f"{device.lat:.3f}", f"{device.lon:.3f}"}
        for secret in secrets - {"wire", "gauge", "cam"}:  # words of the text, too
            assert secret not in text, secret
            assert secret not in ready, secret
        assert TOKEN not in caplog.text
        assert "GET /metrics 200" in caplog.text
