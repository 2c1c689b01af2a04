"""Which services and addresses are out, and when they are tried again. Says in the log what was lost."""

import logging
from math import inf

from hub.model import Status
from hub.notify import breaker
from hub.notify.breaker import ADDRESS_OPENS_AFTER, SERVICE_OPENS_AFTER, Breaker
from hub.notify.outbox import Answer
from hub.notify.service import Service
from hub.notify.waiting import Address

log = logging.getLogger("naruko.notify")

ENCOURAGED_EVERY_S = 30.0
"""When a thousand addresses come back one by one, the dead ones are not tried a thousand times."""


class Services:
    """A breaker for each service, and for each address that does not deliver."""

    def __init__(self) -> None:
        self.known: dict[Address, Service] = {}
        self._services: dict[Service, Breaker] = {}
        self._addresses: dict[Address, Breaker] = {}
        self._encouraged_at = -inf
        self._reported: set[Address] = set()
        """Whose loss is in the log."""

    def _of(self, service: Service) -> Breaker:
        return self._services.get(service) or Breaker(f"{service.name} {service.key}")

    def is_out(self, service: Service) -> bool:
        return self._of(service).is_open

    def has_failed(self, address: Address) -> bool:
        """Whether the last attempt for this very address failed."""
        return address in self._addresses

    def doubts(self, service: Service, address: Address) -> bool:
        """Whether an attempt may well hang: it belongs to the threads for that."""
        return address in self._addresses or self.is_out(service)

    def hinders(self, service: Service, address: Address) -> bool:
        """Whether what waits for this address waits because of an outage, or follows one."""
        return self.doubts(service, address) or self._of(service).next_start is not None

    def wait(self, service: Service, now: float, *, urgent: bool) -> float:
        """Seconds until the service may be tried."""
        return breaker.wait(self._of(service), now, urgent=urgent)

    def wait_of_address(self, address: Address, now: float, *, urgent: bool) -> float:
        own = self._addresses.get(address)
        return breaker.wait(own, now, urgent=urgent) if own else 0.0

    def begun(self, service: Service, address: Address, now: float, *, urgent: bool) -> None:
        self._services[service] = breaker.begun(self._of(service), address, now, urgent=urgent)
        if own := self._addresses.get(address):
            self._addresses[address] = breaker.begun(own, address, now, urgent=urgent)

    def caught_up(self, service: Service) -> None:
        self._services[service] = breaker.caught_up(self._of(service))

    def judge(
        self, service: Service, address: Address, answer: Answer, now: float, *, waiting: int, message: str
    ) -> None:
        """What one answer says of the service and of the address.

        A recipient who is refused is a sign of life: the server speaks. For the log: `waiting` addresses, and
        the id of the notification that was sent, by which the address is found without being named.
        """
        before = self._of(service)
        if answer.of_service:
            after = breaker.failed(before, address, now, SERVICE_OPENS_AFTER)
        elif answer.status in (Status.SENT, Status.PENDING):
            after = breaker.answered(before, now)
        else:
            after = breaker.told_nothing(before, address)
        self._services[service] = after
        if after.is_open and not before.is_open:
            log.warning("%s is out of service, %d addresses wait: %s", service.name, waiting, answer.reason)
        elif before.is_open and not after.is_open:
            log.info("%s is back, %d addresses wait", service.name, waiting)
        if answer.status is Status.SENT and (before.is_open or address in self._addresses):
            self._encourage(now)
        self._judge_address(service, address, answer, now, message)

    def _encourage(self, now: float) -> None:
        """What is back is often the network, and the others with it."""
        if now - self._encouraged_at < ENCOURAGED_EVERY_S:
            return
        self._encouraged_at = now
        for breakers in (self._services, self._addresses):
            for who, found in breakers.items():
                breakers[who] = breaker.encouraged(found)  # type: ignore[index]

    def _judge_address(
        self, service: Service, address: Address, answer: Answer, now: float, message: str
    ) -> None:
        """Says once that an address is lost, and once that it is back; not of each where the service is."""
        name = f"{service.name.partition(' ')[0]} of notification {message}"
        own = self._addresses.get(address)
        if answer.status is Status.SENT:
            self._addresses.pop(address, None)
            if address in self._reported:
                log.info("%s: delivers again", name)
                self._reported.remove(address)
            return
        if answer.status is Status.FAILED:
            if address not in self._reported:
                log.error("%s: %s", name, answer.reason)
            self._reported.add(address)
            if own:
                self._addresses[address] = breaker.told_nothing(own, address)
            return
        if address not in self._reported and not self.is_out(service):
            log.warning("%s: not delivered, will be tried again: %s", name, answer.reason)
            self._reported.add(address)
        own = own or Breaker(f"{address}")
        self._addresses[address] = breaker.failed(own, address, now, ADDRESS_OPENS_AFTER)
