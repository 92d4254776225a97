"""Phones that register with credentials: one that does as it is told, and a whole site behind one address."""

import resource
import select
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from . import digest, sip
from .kamailio import password_of

_T1_S, _T2_S = 0.5, 4.0  # RFC 3261, section 17.1.2.2


class Phone:
    """One user at one endpoint. It keeps the last nonce that it was given, as phones and guessers do."""

    def __init__(self, endpoint: sip.Endpoint, user: str, password: str | None = None):
        self.endpoint = endpoint
        self.user = user
        self.password = password_of(user) if password is None else password
        self.challenge: digest.Challenge | None = None
        self._call_id = sip.unique()
        self._number = 0

    def plain(self) -> bytes:
        """A REGISTER without credentials."""
        return self._request(())

    def with_credentials(self, password: str | None = None) -> bytes:
        """A REGISTER that answers the last challenge."""
        assert self.challenge, f"{self.user} was not challenged"
        uri = f"sip:{self.user}@{sip.bracketed(self.endpoint.target[0])}"
        line = digest.credentials(self.challenge, self.user, self.password if password is None else password,
                                  "REGISTER", uri)
        return self._request((line,))

    def register(self, timeout_s: float = 5) -> int:
        """Asks, answers the challenge; the last status, 0 when there was no answer."""
        again_s = _T1_S if self.endpoint.transport == "udp" else None
        status = self.heed(self.endpoint.answer(self.plain(), timeout_s, again_s))
        if status != 401:
            return status
        return self.heed(self.endpoint.answer(self.with_credentials(), timeout_s, again_s))

    def guess(self, password: str, timeout_s: float = 1) -> int:
        """One attempt, sent once; the status, 0 when there was no answer."""
        return self.heed(self.endpoint.answer(self.with_credentials(password), timeout_s))

    def heed(self, response: bytes) -> int:
        """Takes the challenge out of a response; its status."""
        self.challenge = digest.challenge_of(response) or self.challenge
        return sip.status_of(response)

    def _request(self, headers: tuple[str, ...]) -> bytes:
        self._number += 1
        return self.endpoint.request("REGISTER", user=self.user, caller=self.user, call_id=self._call_id,
                                     number=self._number, headers=headers)


@dataclass
class _Pending:
    """A request on its way."""

    phone: Phone
    message: bytes
    due: float
    pause_s: float = _T1_S
    answered_challenge: bool = False


@dataclass
class Storm:
    """What came of a site that registers at once."""

    status: dict[str, int] = field(default_factory=dict)  # by user; 0: never answered
    retransmissions: int = 0
    seconds: float = 0


class Site:
    """Phones behind one address, each on a port of its own, as a NAT shows them."""

    def __init__(self, namespace: str, address: str, users: Iterable[str]):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.phones = {user: Phone(sip.Endpoint(namespace, address), user) for user in users}

    def __enter__(self) -> "Site":
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the phones' sockets."""
        for phone in self.phones.values():
            phone.endpoint.close()

    def register_all(self, timeout_s: float = 30) -> Storm:
        """All phones at the same moment; each answers its challenge once and sends again what is not answered."""
        storm, start = Storm(dict.fromkeys(self.phones, 0)), time.monotonic()
        by_socket = {phone.endpoint.socket.fileno(): phone for phone in self.phones.values()}
        poll = select.epoll()
        for descriptor in by_socket:
            poll.register(descriptor, select.EPOLLIN)
        pending = {phone.user: _Pending(phone, phone.plain(), start + _T1_S) for phone in self.phones.values()}
        for one in pending.values():
            one.phone.endpoint.send(one.message)
        while pending and time.monotonic() < start + timeout_s:
            for descriptor, _ in poll.poll(0.02):
                phone = by_socket[descriptor]
                response = phone.endpoint.socket.recv(65535)
                if phone.user in pending and self._settle(pending[phone.user], response, storm):
                    del pending[phone.user]
            self._send_again(pending.values(), storm)
        poll.close()
        storm.seconds = time.monotonic() - start
        return storm

    def _settle(self, one: _Pending, response: bytes, storm: Storm) -> bool:
        """Whether the phone is done."""
        phone, status = one.phone, sip.status_of(response)
        if status < 200 or sip.number_of(response) != sip.number_of(one.message):
            return False  # provisional, or a copy of an earlier answer
        if phone.heed(response) == 401 and not one.answered_challenge:
            one.message, one.answered_challenge = phone.with_credentials(), True
            one.pause_s, one.due = _T1_S, time.monotonic() + _T1_S
            phone.endpoint.send(one.message)
            return False
        storm.status[phone.user] = status
        return True

    def _send_again(self, pending: Iterable[_Pending], storm: Storm) -> None:
        now = time.monotonic()
        for one in pending:
            if one.due <= now:
                one.phone.endpoint.send(one.message)
                storm.retransmissions += 1
                one.pause_s = min(2 * one.pause_s, _T2_S)
                one.due = now + one.pause_s
