"""Network namespaces of a test's own: a softswitch host in the middle, links to callers, scanners and floods.

                 core: 10.77.0.1, 2001:db8:77::1 (the softswitch and the shield)
                   |                |                 |
    callers: 10.77.1.0/24   scanner: 10.77.2.0/24  flood: 10.77.3.0/24, and behind it 10.90.0.0/16
             2001:db8:77:1000::/52   2001:db8:77:2000::/52  2001:db8:77:3000::/52   2001:db8:90::/48

In IPv6 every host has a /64 of its own, as customers do.
"""

import contextlib
import ctypes
import ipaddress
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

from . import cleanup
from .process import must, run

CORE4 = "10.77.0.1"
CORE6 = "2001:db8:77::1"
_PREFIX = "e2e-"
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def core(version: int) -> str:
    """The softswitch's address in IPv4 or IPv6."""
    return CORE4 if version == 4 else CORE6


def is_v6(address: str) -> bool:
    return ":" in address


def bracketed(address: str) -> str:
    return f"[{address}]" if is_v6(address) else address


def same_address(one: str, other: str) -> bool:
    return ipaddress.ip_address(one) == ipaddress.ip_address(other)


class Link:
    """A namespace joined to the core by a veth pair; holds as many addresses as asked for."""

    def __init__(self, network: "Network", role: str, number: int):
        self.role = role
        self.namespace = network.namespace(role)
        self.interface = f"{_PREFIX}{role}"[:15]
        self.number = number
        self._core = network.core
        near, far = f"to-{role}"[:15], self.interface
        must(["ip", "-n", self._core, "link", "add", near, "type", "veth",
              "peer", "name", far, "netns", self.namespace])
        self.gateway4, self.gateway6 = self.address(4, 1), self.address(6, 1)
        _add(self._core, near, self.gateway4, self.gateway6)
        _add(self.namespace, far, self.address(4, 2), self.address(6, 2))
        for version, gateway in ((4, self.gateway4), (6, self.gateway6)):
            must(["ip", "-n", self.namespace, f"-{version}", "route", "add", "default", "via", gateway])
        self.gateway_mac = _mac(self._core, near)

    def address(self, version: int, host: int) -> str:
        """The address of host `host` (in IPv6 up to 4095) of this link; not yet configured."""
        return f"10.77.{self.number}.{host}" if version == 4 else f"2001:db8:77:{self.number:x}{host:03x}::1"

    def add(self, *addresses: str) -> None:
        _add(self.namespace, self.interface, *addresses)

    def own(self, version: int, host: int) -> str:
        """As address(), and configured on the link."""
        address = self.address(version, host)
        self.add(address)
        return address

    def use_only(self, address: str) -> None:
        """Makes `address` the one a program gets that does not bind; the others of its family are removed."""
        family = "-6" if is_v6(address) else "-4"
        must(["ip", "-n", self.namespace, family, "address", "flush", "dev", self.interface, "scope", "global"])
        self.add(address)
        gateway = self.gateway6 if is_v6(address) else self.gateway4
        must(["ip", "-n", self.namespace, family, "route", "replace", "default", "via", gateway, "src", address])

    def carry(self, *nets: str) -> None:
        """Routes `nets` of the core to this link, as if they lay behind it."""
        for net in nets:
            version = 6 if is_v6(net) else 4
            via = self.address(version, 2)
            must(["ip", "-n", self._core, f"-{version}", "route", "add", net, "via", via])


class Network:
    """The whole picture above. Gone when the test ends."""

    def __init__(self, *roles: str):
        _remove_leftovers()
        self._names: list[str] = []
        cleanup.on_exit(self.remove)
        self.core = self.namespace("core")
        must(["ip", "netns", "exec", self.core, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0",
              "net.ipv4.conf.default.rp_filter=0", "net.ipv6.conf.all.forwarding=0"])
        must(["ip", "-n", self.core, "address", "add", f"{CORE4}/32", "dev", "lo"])
        must(["ip", "-n", self.core, "address", "add", f"{CORE6}/128", "dev", "lo", "nodad"])
        self.links = {role: Link(self, role, number) for number, role in enumerate(roles, 1)}

    def __getitem__(self, role: str) -> Link:
        return self.links[role]

    def namespace(self, role: str) -> str:
        name = f"{_PREFIX}{os.getpid()}-{role}"
        if name not in self._names:
            must(["ip", "netns", "add", name])
            self._names.append(name)
            must(["ip", "-n", name, "link", "set", "lo", "up"])
            must(["ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0",
                  "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.all.accept_ra=0"])
        return name

    def remove(self) -> None:
        while self._names:
            _remove_namespace(self._names.pop())


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """This thread is in `namespace` for the length of the block: sockets made there stay there."""
    with open("/proc/thread-self/ns/net", "rb") as before, open(f"/run/netns/{namespace}", "rb") as wanted:
        _enter(wanted.fileno())
        try:
            yield
        finally:
            _enter(before.fileno())


def bound_socket(namespace: str, kind: socket.SocketKind, address: str, port: int = 0) -> socket.socket:
    """A UDP (SOCK_DGRAM) or TCP (SOCK_STREAM) socket of `namespace` with this source address."""
    family = socket.AF_INET6 if is_v6(address) else socket.AF_INET
    with inside(namespace):
        bound = socket.socket(family, kind)
    if port:  # else the kernel, which chooses one, may choose one that another such socket has
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((address, port))
    return bound


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "cannot enter the network namespace")


def _add(namespace: str, interface: str, *addresses: str) -> None:
    for address in addresses:
        length, options = ("52", ["nodad"]) if is_v6(address) else ("24", [])
        must(["ip", "-n", namespace, "address", "replace", f"{address}/{length}", "dev", interface, *options])
    must(["ip", "-n", namespace, "link", "set", interface, "up"])


def _mac(namespace: str, interface: str) -> str:
    return json.loads(must(["ip", "-n", namespace, "-j", "link", "show", "dev", interface]))[0]["address"]


def _remove_namespace(name: str) -> None:
    for pid in run(["ip", "netns", "pids", name]).out.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    run(["ip", "netns", "delete", name])


def _remove_leftovers() -> None:
    """Namespaces of test runs that were killed: their names hold the pid of a process that is no more."""
    for path in Path("/run/netns").glob(f"{_PREFIX}*"):
        owner = path.name.removeprefix(_PREFIX).split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            _remove_namespace(path.name)
