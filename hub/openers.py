"""How the hub asks a web server of the town's by urllib."""

import urllib.request
from typing import Any
from urllib.parse import urlsplit

from hub.config.channels import LOCAL_HOSTS


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A token goes to no other server than the one that is named; and a write that is sent elsewhere would
    arrive there as a GET without its lines."""

    def redirect_request(self, *_: Any) -> None:
        return None


def opener_for(url: str) -> urllib.request.OpenerDirector:
    """Follows no redirect. What is on this machine is asked past every proxy."""
    if urlsplit(url).hostname in LOCAL_HOSTS:
        return urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(_NoRedirect)
