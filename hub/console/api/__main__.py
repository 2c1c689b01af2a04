"""`python -m hub.console.api`: writes docs/api.md from the types of the endpoints; `--check` compares."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hub.console.api.description import ABOUT, describe
from hub.console.api.endpoints import ENDPOINTS

PAGE = Path(__file__).parents[3] / "docs" / "api.md"
HEAD = """\
# The JSON API

{about}

```sh
curl -c jar -H 'Sec-Fetch-Site: none' -d name=yamada --data-urlencode "password=$PASSWORD" http://127.0.0.1:8470/login
curl -b jar http://127.0.0.1:8470/api/v1/alerts
curl -b jar -N http://127.0.0.1:8470/api/v1/stream
```

The whole description, with every field of every answer, is `/api/v1/openapi.json` (OpenAPI 3.1). Errors are
`{{"error": code, "detail": text}}`. This page is made from it: `python -m hub.console.api`.
"""


def page() -> str:
    """Each endpoint with what it asks for."""
    return "\n".join([HEAD.format(about=ABOUT), *_endpoints(describe(ENDPOINTS))])


def _endpoints(described: dict[str, Any]) -> Iterator[str]:
    for path, methods in sorted(described["paths"].items()):
        for method, one in methods.items():
            yield f"## `{method.upper()} {path}`\n"
            yield f"{one['summary']} {one['description']}\n".replace("\n\n", " ")
            body = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            asked = [(p["name"], p["schema"], p["required"]) for p in one["parameters"]]
            asked += [(name, s, name in body["required"]) for name, s in body.get("properties", {}).items()]
            for name, schema, required in asked:
                yield f"- `{name}`{'' if required else ' (optional)'}: {_said(schema)}"
            if asked:
                yield ""


def _said(schema: dict[str, Any]) -> str:
    """A type in a few words: `integer, 1 to 500`."""
    if "anyOf" in schema:
        return " or ".join(_said(one) for one in schema["anyOf"] if one.get("type") != "null")
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    said = str(schema.get("type", "anything"))
    if "items" in schema:
        said += f" of {_said(schema['items'])}"
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None and most < 10**12:
        said += f", {least} to {most}"
    return said + (f" ({schema['description']})" if "description" in schema else "")


def main() -> int:
    if sys.argv[1:] == ["--check"]:
        if PAGE.read_text("utf-8") == page():
            return 0
        sys.stderr.write(f"{PAGE.name} is not what the endpoints say: python -m hub.console.api\n")
        return 1
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
