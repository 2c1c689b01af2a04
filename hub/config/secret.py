"""Secrets: from the environment and from files into the settings and channels that need them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pydantic import SecretStr

from hub.config.channels import PLACEHOLDER
from hub.config.document import UnreadableError, read_bytes
from hub.config.parts import Entry, Findings
from hub.config.settings import Hub
from hub.config.shapes import Channel, Person
from hub.config.validate import reveal

NAME = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
SAFE_IN_ADDRESS = "@+"

Templates = Mapping[str, SecretStr | None]
"""URL with `{address}` in it by kind of channel; None where the one that is given has an error itself."""


class SecretError(ValueError):
    """A secret cannot be had. The text names the variable, and nothing of what any secret holds."""


@dataclass(frozen=True)
class Secrets:
    """Where secrets come from: `folder` is where a relative path starts."""

    folder: Path
    env: Mapping[str, str]

    def filled(self, text: str, *, in_url: bool) -> str:
        """`${NAME}` replaced from the environment.

        Inside a URL the value is percent-encoded; where `${NAME}` is all there is, it is taken as it stands.
        Raises SecretError naming every variable that is not set or is empty.
        """
        missing = sorted({name for name in NAME.findall(text) if not self.env.get(name, "").strip()})
        if missing:
            raise SecretError(f"environment variable {', '.join(missing)} is not set")
        if "${" in NAME.sub("", text):
            raise SecretError("write a variable as ${NAME}")
        encoded = in_url and not NAME.fullmatch(text)
        try:
            return NAME.sub(
                lambda m: quote(self.env[m[1]].strip(), safe="") if encoded else self.env[m[1]].strip(), text
            )
        except UnicodeEncodeError:
            raise SecretError("an environment variable is no text") from None

    def read(self, path: Path) -> str:
        """The one line of a file. Raises SecretError where it is missing, unreadable, empty, or no text."""
        try:
            text = read_bytes(self.folder / path, "").decode("utf-8-sig").strip()
        except UnreadableError as error:
            raise SecretError(f"the file {error.problem.message}") from None
        except ValueError:
            raise SecretError("the file is no text") from None
        if not text:
            raise SecretError("the file is empty")
        if len(text.splitlines()) > 1:
            raise SecretError("the file has more than one line")
        return text

    def url(self, channel: Channel, templates: Templates | None) -> SecretStr | None:
        """The channel's Apprise URL, or its browser's subscription; None where it depends on a part of
        hub.yaml that has an error itself.

        Raises SecretError where the channel has no source or more than one, or a secret is missing.
        """
        given = [one for one in (channel.url, channel.url_file, channel.address) if one is not None]
        if len(given) != 1:
            raise SecretError("needs one of url, url_file and address" + (", not several" if given else ""))
        if channel.url_file is not None:
            return SecretStr(self.read(channel.url_file))
        if channel.kind == "push":
            return SecretStr(self.filled(reveal(channel.url or channel.address), in_url=False))
        if channel.url is not None:
            return SecretStr(self.filled(reveal(channel.url), in_url=True))
        if templates is None:
            return None
        if channel.kind not in templates:
            raise SecretError(f"an address needs a URL for {channel.kind} under channels in hub.yaml")
        address = self.filled(reveal(channel.address), in_url=False)
        if not address.strip():
            raise SecretError("the address is empty")
        return with_address(templates[channel.kind], channel.kind, address)


def with_address(template: SecretStr | None, kind: str, address: str) -> SecretStr | None:
    """The Apprise URL of one address; None where there is no template for its kind."""
    safe = SAFE_IN_ADDRESS if kind == "sms" else "@"
    return template and SecretStr(reveal(template).replace(PLACEHOLDER, quote(address, safe=safe)))


def fill_hub(entry: Entry[Hub], secrets: Secrets, findings: Findings) -> tuple[Entry[Hub], Templates]:
    """The settings with passwords, tokens and the CA file's path filled in, and the URLs of `channels`."""
    hub = entry.value
    mqtt = hub.mqtt.model_copy(
        update={
            "password": _filled(entry, "mqtt", "password", secrets, findings),
            "ca_file": hub.mqtt.ca_file and secrets.folder / hub.mqtt.ca_file,
        }
    )
    influx = hub.influx and hub.influx.model_copy(
        update={"token": _filled(entry, "influx", "token", secrets, findings)}
    )
    grafana = hub.grafana and hub.grafana.model_copy(
        update={"token": _filled(entry, "grafana", "token", secrets, findings)}
    )
    deadman = hub.deadman and hub.deadman.model_copy(
        update={"url": _filled(entry, "deadman", "url", secrets, findings)}
    )
    web = hub.web and hub.web.model_copy(
        update={"metrics_token": _filled(entry, "web", "metrics_token", secrets, findings)}
    )
    templates: dict[str, SecretStr | None] = {}
    for kind, template in hub.channels.items():
        try:
            templates[kind] = SecretStr(secrets.filled(reveal(template), in_url=True))
        except SecretError as error:
            findings.error(entry, ("channels", kind), str(error))
            templates[kind] = None
    given = {kind: template for kind, template in templates.items() if template}
    push = hub.web_push and hub.web_push.model_copy(
        update={"key_file": secrets.folder / hub.web_push.key_file}
    )
    filled = hub.model_copy(
        update={
            "mqtt": mqtt,
            "influx": influx,
            "grafana": grafana,
            "deadman": deadman,
            "web": web,
            "web_push": push,
            "channels": given,
        }
    )
    return Entry(filled, entry.document, entry.at), templates


def fill_person(
    entry: Entry[Person], templates: Templates | None, secrets: Secrets, findings: Findings
) -> Entry[Person]:
    """The person with the URL of every channel filled in."""
    found = []
    for index, channel in enumerate(entry.value.channels):
        url = None
        try:
            url = secrets.url(channel, templates)
        except SecretError as error:
            path = (
                "channels",
                index,
                "url_file" if channel.url_file else "url" if channel.url else "address",
            )
            findings.error(entry, path, f"{channel.kind}: {error}")
        found.append(channel.model_copy(update={"url": url}))
    return Entry(entry.value.model_copy(update={"channels": tuple(found)}), entry.document, entry.at)


def _filled(entry: Entry[Hub], room: str, key: str, secrets: Secrets, findings: Findings) -> SecretStr | None:
    """The secret that stands at `key`, or in the file that `<key>_file` names."""
    settings = getattr(entry.value, room)
    given: SecretStr | None = getattr(settings, key)
    file: Path | None = getattr(settings, f"{key}_file")
    if given is not None and file is not None:
        findings.error(entry, (room, key), f"is given twice: as {key} and as {key}_file")
        return None
    try:
        if file is not None:
            return SecretStr(secrets.read(file))
        return SecretStr(secrets.filled(reveal(given), in_url=False)) if given is not None else None
    except SecretError as error:
        findings.error(entry, (room, f"{key}_file" if file else key), str(error))
        return None
