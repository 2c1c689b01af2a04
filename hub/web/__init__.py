"""Pages for phones, reached by the signed links in messages: no login, no app, and no script for any act."""

from hub.web.server import serve

__all__ = ["serve"]
