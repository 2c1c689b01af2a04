"""By what a service knows that it has had a message before. Pure."""

from hashlib import blake2b

from hub.model import Notification, Reason


def identity(notification: Notification) -> str:
    """The notification's id: a repeat has the same, and may be left out by whoever had it.

    A list of what had to wait carries the id of one of its items, and is not the same as that item: nothing
    on it may be left out because the item had arrived.
    """
    if notification.reason is not Reason.SUMMARY:
        return notification.id
    return blake2b(f"{notification.id}\n{notification.body}".encode(), digest_size=8).hexdigest()
