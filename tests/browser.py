"""Phones in headless Chromium, driven over its debugging pipe: what a person sees and taps.

`with chromium() as browser:` starts one browser; `browser.phone()` is a phone of its own, with its own size,
language and cookies. A tap is a tap at the place where the thing is seen: what is covered or off the page
cannot be tapped. Where Chromium is not installed the test is left out, and fails with `CI=true`.
"""

import base64
import contextlib
import fcntl
import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tests.data import ROOT
from tests.servers import installed

WITHIN_S = 20.0
SMALL, USUAL = (320, 640), (390, 844)
"""An old phone and one of today, in CSS pixels."""
EYES = ROOT / "tests" / "eyes.js"
AXE = ROOT / "tests" / "vendor" / "axe-core" / "axe.min.js"
WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--disable-features=BackForwardCache",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
)


class Slow(NamedTuple):
    """The edge of the network, as a mountain village has it."""

    bits_per_second: int = 256_000
    delay_ms: int = 400


class Answered(NamedTuple):
    """One answer that the phone had: of the page, its stylesheet, a picture, a tile of the map."""

    url: str
    status: int
    mime: str
    encoded: int
    """Bytes on the wire, headers and all."""


class BrowserError(RuntimeError):
    """Chromium refused a command, ended, or the page holds nothing of that name to tap."""


class Browser:
    """One Chromium. Commands and events go as JSON, one thread, in order."""

    def __init__(self, process: subprocess.Popen[bytes], write: int, read: int) -> None:
        self._process = process
        self._write = write
        self._read = read
        self._number = 0
        self._rest = b""
        self._answers: dict[int, dict[str, Any]] = {}
        self._phones: dict[str, Phone] = {}

    def phone(
        self,
        size: tuple[int, int] = USUAL,
        *,
        script: bool = True,
        scheme: Literal["light", "dark"] = "light",
        lang: str = "ja",
    ) -> "Phone":
        """A phone that nobody has used yet."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        phone = Phone(self, session, context, size)
        self._phones[session] = phone
        width, height = size
        for method, said in (
            ("Page.enable", {}),
            ("Page.setLifecycleEventsEnabled", {"enabled": True}),
            ("Network.enable", {}),
            ("Network.setCacheDisabled", {"cacheDisabled": False}),
            (
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": True},
            ),
            ("Emulation.setTouchEmulationEnabled", {"enabled": True}),
            ("Emulation.setScriptExecutionDisabled", {"value": not script}),
            (
                "Emulation.setEmulatedMedia",
                {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
            ),
            ("Network.setExtraHTTPHeaders", {"headers": {"Accept-Language": lang}}),
        ):
            phone.call(method, **said)
        return phone

    def put_away(self) -> None:
        """All phones: nothing of them is left."""
        for phone in self._phones.values():
            self.call("Target.disposeBrowserContext", browserContextId=phone.context)
        self._phones.clear()

    def call(self, method: str, session: str = "", **said: Any) -> dict[str, Any]:
        """One command and its result."""
        number = self.say(method, session, **said)
        end = time.monotonic() + WITHIN_S
        while number not in self._answers:
            self.hear(end, method)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        return dict(answer["result"])

    def say(self, method: str, session: str = "", **said: Any) -> int:
        """One command, whose result is not waited for."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": said}
        data = json.dumps(command | ({"sessionId": session} if session else {})).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        return self._number

    def hear(self, end: float, waiting_for: str) -> None:
        """What Chromium says next. BrowserError: it says nothing until `end`."""
        while b"\0" not in self._rest:
            if not select.select([self._read], [], [], max(0.0, end - time.monotonic()))[0]:
                raise BrowserError(f"no answer in time: {waiting_for}")
            heard = os.read(self._read, 1 << 20)
            if not heard:
                raise BrowserError(f"Chromium has ended ({self._process.poll()}): {waiting_for}")
            self._rest += heard
        line, _, self._rest = self._rest.partition(b"\0")
        said = json.loads(line)
        if "id" in said:
            self._answers[said["id"]] = said
        elif phone := self._phones.get(said.get("sessionId", "")):
            phone.happened(said["method"], said["params"])


class Phone:
    """One page at a time, as its owner sees it. `answers` are those of the present page."""

    def __init__(self, browser: Browser, session: str, context: str, size: tuple[int, int]) -> None:
        self.browser = browser
        self.context = context
        self.size = size
        self.answers: list[Answered] = []
        self._session = session
        self._responses: dict[str, dict[str, Any]] = {}
        self.worker = ""
        """Chromium's name of the page's service worker, once that was asked for."""
        self._document = ""
        """Chromium's name of the page that is there with all that belongs to it."""

    # --- what its owner does --------------------------------------------------------------------

    def opens(self, url: str) -> "Phone":
        """Taps a link in a message: another page, from nothing."""
        self._leaves()
        went = self.call("Page.navigate", url=url)
        if said := went.get("errorText"):
            raise BrowserError(f"{url}: {said}")
        return self._arrives(lambda: self._document == went["loaderId"])

    def taps(self, name: str, group: str = "") -> "Phone":
        """Taps what bears this name (its visible text, or its label), and the page that follows is there."""
        before = self._leaves()
        return self.touches(name, group)._arrives(lambda: self._document != before)

    def taps_both(self, other: "Phone", name: str, of_other: str) -> None:
        """Two people tap at the same moment, each on their own phone."""
        before, before_other = self._leaves(), other._leaves()
        self.touches(name)
        other.touches(of_other)
        self._arrives(lambda: self._document != before)
        other._arrives(lambda: other._document != before_other)

    def touches(self, name: str, group: str = "") -> "Phone":
        """Taps what does not lead to another page: a choice (of the group with this heading), a fold."""
        x, y = self._place(name, group)
        point = {"x": x, "y": y, "button": "left", "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type="mousePressed", **point)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", **point)
        return self

    def types(self, label: str, text: str) -> "Phone":
        """Fills in the field with this label."""
        self._sees("focus", label)
        self.call("Input.insertText", text=text)
        return self

    def attaches(self, file: Path) -> "Phone":
        """Chooses a photo for the one field that takes a file."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        field = self.call("DOM.querySelector", nodeId=root, selector="input[type=file]")["nodeId"]
        if not field:
            raise BrowserError("no field for a file")
        self.call("DOM.setFileInputFiles", files=[str(file)], nodeId=field)
        return self

    def reloads(self) -> "Phone":
        before = self._leaves()
        self.call("Page.reload")
        return self._arrives(lambda: self._document != before)

    def goes_back(self) -> "Phone":
        """To the page before this one."""
        history = self.call("Page.getNavigationHistory")
        entry = history["entries"][history["currentIndex"] - 1]["id"]
        before = self._leaves()
        self.call("Page.navigateToHistoryEntry", entryId=entry)
        return self._arrives(lambda: self._document != before)

    def waits_for(self, words: str) -> "Phone":
        """Until the page, by itself, says so."""
        end = time.monotonic() + WITHIN_S
        while words not in self.text:
            if time.monotonic() > end:
                raise BrowserError(f"{words!r} is not said; there is: {self.text}")
        return self

    # --- its link -------------------------------------------------------------------------------

    def slow(self, link: Slow | None = None) -> "Phone":
        """At the edge of the network."""
        link = link or Slow()
        rate = link.bits_per_second / 8
        return self._network(offline=False, latency=link.delay_ms, throughput=rate)

    def offline(self) -> "Phone":
        return self._network(offline=True, latency=0, throughput=-1)

    def online(self) -> "Phone":
        return self._network(offline=False, latency=0, throughput=-1)

    def _network(self, *, offline: bool, latency: int, throughput: float) -> "Phone":
        self.call(
            "Network.emulateNetworkConditions",
            offline=offline,
            latency=latency,
            downloadThroughput=throughput,
            uploadThroughput=throughput,
        )
        return self

    # --- what its owner sees --------------------------------------------------------------------

    @property
    def text(self) -> str:
        """What can be read on the page. Readings above Chinese signs (ruby) are left out."""
        return str(self._sees("text"))

    @property
    def url(self) -> str:
        return str(self._sees("url"))

    @property
    def status(self) -> int:
        """Of the page's own answer."""
        return next(a.status for a in reversed(self.answers) if a.mime == "text/html")

    def weight(self) -> int:
        """Bytes that this page took over the link, but for pictures from elsewhere (the tiles of the map)."""
        own = self.url.split("/", 3)[2]
        return sum(answer.encoded for answer in self.answers if answer.url.split("/", 3)[2:3] == [own])

    def value(self, label: str) -> str:
        """What stands in the field with this label."""
        return str(self._sees("value", label))

    def shows(self, name: str) -> bool:
        """Whether something to tap bears this name."""
        try:
            self._place(name)
        except BrowserError:
            return False
        return True

    def buttons(self) -> list[str]:
        """The names of all buttons, in order, as they are seen."""
        return list(self._sees("buttons"))

    def biggest(self) -> str:
        """The name of the button that fills most of the screen."""
        return str(self._sees("biggest"))

    def too_small(self, least: int = 44) -> list[str]:
        """Buttons and choices that a thumb misses, with their size."""
        return list(self._sees("tooSmall", least))

    def photos(self) -> int:
        """How many pictures are on the page and can be seen."""
        return int(self._sees("photos"))

    def overflow(self) -> int:
        """By how many pixels the page is wider than the screen: sideways scrolling."""
        return int(self._sees("overflow"))

    def violations(self) -> list[str]:
        """What axe-core finds against WCAG 2.2 AA: rule, what it says, where."""
        self.call("Runtime.evaluate", expression=AXE.read_text("utf-8"))
        return list(self._sees("violations", WCAG))

    def picture(self, file: Path) -> Path:
        """The whole page, as JPEG or PNG by the name of the file."""
        kind = "jpeg" if file.suffix == ".jpg" else "png"
        shot = self.call("Page.captureScreenshot", format=kind, captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))
        return file

    # --- beneath --------------------------------------------------------------------------------

    def call(self, method: str, **said: Any) -> dict[str, Any]:
        return self.browser.call(method, self._session, **said)

    def happened(self, method: str, said: dict[str, Any]) -> None:
        """What Chromium tells of this phone."""
        if method == "Network.responseReceived":
            if said["response"]["mimeType"] == "text/event-stream":
                return  # it has no end
            self._responses[said["requestId"]] = said["response"] | {"loader": said["loaderId"]}
        elif method == "Network.loadingFinished" and said["requestId"] in self._responses:
            answer = self._responses.pop(said["requestId"])
            size = round(said["encodedDataLength"])
            self.answers.append(Answered(answer["url"], answer["status"], answer["mimeType"], size))
        elif method == "Network.loadingFailed":
            self._responses.pop(said["requestId"], None)
        elif method == "ServiceWorker.workerRegistrationUpdated" and said["registrations"]:
            self.worker = str(said["registrations"][-1]["registrationId"])
        elif method == "Page.lifecycleEvent" and said["name"] == "load":
            self._document = said["loaderId"]
            kept = (said["loaderId"], "")
            self._responses = {id: one for id, one in self._responses.items() if one["loader"] in kept}

    def _leaves(self) -> str:
        self.answers.clear()
        return self._document

    def _arrives(self, is_there: Callable[[], bool]) -> "Phone":
        """The page is there, with all that belongs to it."""
        end = time.monotonic() + WITHIN_S
        while not is_there() or self._responses:
            self.browser.hear(end, "the page is there")
        return self

    def _place(self, name: str, group: str = "") -> tuple[float, float]:
        found = self._sees("place", name, group)
        if "error" in found:
            raise BrowserError(f"{name!r} {found['error']}; there is: {self.buttons()}")
        return found["x"], found["y"]

    def _sees(self, what: str, *arguments: object) -> Any:
        """The answer of one function of eyes.js."""
        said = ", ".join(json.dumps(one) for one in arguments)
        return self.runs(f"(() => {{ {EYES.read_text('utf-8')}; return sees.{what}({said}); }})()")

    def runs(self, script: str) -> Any:
        """What a script on the page comes to."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if wrong := result.get("exceptionDetails"):
            raise BrowserError(wrong.get("exception", {}).get("description", wrong["text"]))
        return result["result"].get("value")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """One headless Chromium with an empty profile, which reaches 127.0.0.1 and nothing else."""
    program = installed("chromium")
    (to_read, write), (read, to_write) = _pipe(), _pipe()
    with tempfile.TemporaryDirectory(prefix="naruko-chromium-", ignore_cleanup_errors=True) as folder:
        arguments = [program, *FLAGS, f"--user-data-dir={folder}", "about:blank"]
        # Chromium reads commands from its descriptor 3 and writes to 4.
        shell = f'exec "$@" 3<&{to_read} 4>&{to_write}'
        process = subprocess.Popen(
            ["bash", "-c", shell, "chromium", *arguments],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        try:
            browser = Browser(process, write, read)
            browser.call("Browser.getVersion")
            yield browser
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(write)
            os.close(read)


def _pipe() -> tuple[int, int]:
    """Both ends away from the descriptors that Chromium gives a meaning."""
    ends = os.pipe()
    read, write = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return read, write
