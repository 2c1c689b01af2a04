"""The console's pages of a town of 1,000 devices: how long a first view takes the hub, and what it weighs."""

import statistics
import subprocess
import time
from pathlib import Path

import requests

from bench.stage import PYTHON, ROOT, Figures, connected_hub, run, stage
from tests.browser import Browser, Phone, chromium
from tests.servers import free_port

PAGES = ("now", "map", "rivers", "devices", "messages", "deterrents", "history")
USER, PASSWORD = "bench", "mizu no oto 7"
DEVICES, POSTS = 1_000, 40
VIEWS = 15
DESK = (1280, 800)


def console(views: int = VIEWS) -> Figures:
    """Every device has been heard, and some forty alerts are open. A first view is the page and all that
    Chromium asks for with it, one after the other, over one connection."""
    figures: Figures = {}
    with stage() as at, chromium() as browser:
        port = free_port()
        folder = at.town("console", devices=DEVICES, posts=POSTS, pages_port=port)
        with connected_hub(folder):
            _let_in(folder)
            heard = at.load("steady", rate=200, seconds=12, devices=DEVICES, alarms=4, posts=POSTS, quiet=6)
            subprocess.run(heard, stdout=subprocess.DEVNULL, cwd=ROOT, check=True)
            place = f"http://127.0.0.1:{port}"
            session = _logged_in(place)
            desk = _at_the_desk(browser, place)
            for page in PAGES:
                asked, weight = _asked(desk, f"{place}/console/{page}".removesuffix("/now"))
                figures[f"first_view_kb_{page}"] = weight / 1000
                took = statistics.median(_view_s(session, asked) for _ in range(views))
                figures[f"first_view_ms_{page}"] = took * 1000
    return figures


def _let_in(folder: Path) -> None:
    secret = folder / "password"
    secret.write_text(PASSWORD)
    made = ["user", "add", USER, "--role", "operator", "--password-file", str(secret), "-c", str(folder)]
    run([PYTHON, "-m", "hub", *made])


def _logged_in(place: str) -> requests.Session:
    session = requests.Session()
    form = {"name": USER, "password": PASSWORD}
    session.post(f"{place}/login", form, headers={"origin": place}, timeout=30).raise_for_status()
    return session


def _at_the_desk(browser: Browser, place: str) -> Phone:
    desk = browser.phone(DESK, lang="en").opens(f"{place}/console/me")
    return desk.types("User name", USER).types("Password", PASSWORD).taps("Log in")


def _asked(desk: Phone, url: str) -> tuple[list[str], int]:
    """(addresses, bytes) of a page and of all that belongs to it, for a browser with an empty cache."""
    desk.call("Network.clearBrowserCache")
    desk.answers.clear()
    desk.opens(url)
    before = -1
    while before != len(desk.answers):
        before = len(desk.answers)
        time.sleep(1)
        desk.runs("1")  # hears what has happened since
    own = [answer.url for answer in desk.answers if answer.url.startswith(url.partition("/console")[0])]
    return own, desk.weight()


def _view_s(session: requests.Session, asked: list[str]) -> float:
    began = time.perf_counter()
    for url in asked:
        session.get(url, timeout=30).raise_for_status()
    return time.perf_counter() - began
