"""The daemon under test, and the command that manages it."""

import ipaddress
import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

from . import nft
from .net import Network
from .process import Completed, Process, run
from .wait import wait_until

DAEMON = os.environ.get("SIPWARD_DAEMON", "sipwardd")
CLI = os.environ.get("SIPWARD_CLI", "sipward")
RULES = os.environ.get("SIPWARD_RULES", "/usr/share/sipward/rules")

Settings = dict[str, dict[str, Any]]

# What tests send whose subject is something else would be far more than strangers may. These settings take the limits of
# single sources and prefixes away; the behaviour on the wire is still counted, with thresholds that no test comes near.
_OFF = ("requests", "sustained", "register", "invite", "other", "not_sip", "packets", "prefix_requests",
        "prefix_sustained", "prefix_register", "prefix_invite", "prefix_other", "prefix_not_sip")
_UNCAPPED = ("flows", "open", "prefix_flows", "prefix_open")
UNLIMITED: Settings = {
    "limits": {"budget": "off", "reply_budget": "off"},
    "limits.unknown": {**dict.fromkeys(_OFF, "off"), **dict.fromkeys(_UNCAPPED, 0)},
    "behaviour": {"refused_credentials": 1000, "unknown_targets": 1000, "prefix_offences": 10000},
    "bans": {"prefix_offenders": 0},
}

OK, FAILURE, BUSY, NO_CAPABILITY, BAD_CONFIG = 0, 1, 75, 77, 78


class Cli:
    """`sipward`, as root unless `user` says otherwise."""

    OK, FAILURE, USAGE, UNREACHABLE, NOT_FOUND, DENIED, REFUSED = range(7)

    def __init__(self, control: Path):
        self._control = control

    def __call__(self, *arguments: str, user: int | None = None) -> Completed:
        argv = [CLI, "--socket", str(self._control), *arguments]
        if user is not None:
            argv = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *argv]
        return run(argv)

    def json(self, *arguments: str, code: int | None = 0) -> dict[str, Any]:
        """The answer with -o json. `code` None: whatever the exit code."""
        done = self(*arguments, "-o", "json")
        if code is not None and done.code != code:
            raise AssertionError(f"exit {code} expected:\n{done}")
        return json.loads(done.out)


class Shield:
    """sipwardd on the core, with files of its own under `scratch`. `limits`: "off" (UNLIMITED) or "shipped"."""

    def __init__(self, network: Network, scratch: Path, settings: Settings | None = None, name: str = "sipwardd",
                 limits: str = "off"):
        self.namespace = network.core
        self.name = name
        self._scratch = scratch
        self.home = scratch / name
        self.home.mkdir(mode=0o755)
        self.config = self.home / "sipwardd.toml"
        self.runtime = self.home / "run"
        self.runtime.mkdir()
        self.cli = Cli(self.runtime / "sipwardd.sock")
        self.process: Process | None = None
        self._defaults = UNLIMITED if limits == "off" else {}
        self.configure(settings or {})

    def configure(self, settings: Settings) -> None:
        """Writes the configuration; used at the next start."""
        paths = {"rules": RULES, "database": str(self.home / "sipward.db"), "runtime": str(self.runtime)}
        self.config.write_text(toml(merged({"paths": paths}, self._defaults, settings)))

    def start(self, timeout_s: float = 15) -> "Shield":
        """Returns when the daemon says READY=1 to the service manager: protection is on."""
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = self.home / "notify"
        path.unlink(missing_ok=True)
        notify.bind(str(path))
        notify.settimeout(0.05)
        self.process = Process(self.name, [DAEMON, "--config", str(self.config)], self._scratch / "logs",
                               self.namespace, {"NOTIFY_SOCKET": str(path)})
        with notify:
            wait_until(lambda: self._is_ready(notify), timeout_s, "the daemon to be ready")
        return self

    def stop(self) -> Completed:
        """SIGTERM, as systemctl stop does."""
        assert self.process
        return self.process.stop()

    def kill(self) -> None:
        """kill -9."""
        assert self.process
        self.process.signal(signal.SIGKILL)
        self.process.wait(5)

    def try_start(self, *arguments: str, wrapper: tuple[str, ...] = (), timeout_s: float = 10) -> Completed:
        """A start that is expected to end by itself."""
        return run([*wrapper, DAEMON, "--config", str(self.config), *arguments], self.namespace, timeout_s)

    def counter(self, name: str) -> int:
        return nft.counters(self.namespace).get(name, 0)

    def wait_banned(self, address: str, timeout_s: float = 1) -> nft.Element:
        found = wait_until(lambda: nft.banned(self.namespace, address), timeout_s, f"{address} to be banned")
        assert found
        return found

    def known(self) -> set[str]:
        """The addresses that the softswitch's answers made known."""
        return {str(ipaddress.ip_address(row["address"])) for row in self.cli.json("known", "list")["known"]}

    def wait_known(self, address: str, timeout_s: float = 5) -> None:
        wanted = str(ipaddress.ip_address(address))
        wait_until(lambda: wanted in self.known(), timeout_s, f"{address} to be known")

    def packets(self) -> dict[str, Any]:
        """The packet counts of `sipward stats`, once nothing is in a queue and two answers are the same."""
        last: list[dict[str, Any]] = [{}]

        def settled() -> dict[str, Any] | None:
            before, last[0] = last[0], self.cli.json("stats")["packets"]
            return last[0] if last[0] == before and not last[0]["in_queue"] else None

        counts = wait_until(settled, 5, "the counts to stand still")
        assert counts
        return counts

    def _is_ready(self, notify: socket.socket) -> bool:
        assert self.process
        if not self.process.running():
            raise RuntimeError(f"{self.name} has ended:\n{self.process.err()[-3000:]}")
        try:
            return b"READY=1" in notify.recv(4096)
        except TimeoutError:
            return False


def merged(*layers: Settings) -> Settings:
    """Section by section; what comes later has its way."""
    result: Settings = {}
    for layer in layers:
        for section, values in layer.items():
            result[section] = {**result.get(section, {}), **values}
    return result


def toml(settings: Settings) -> str:
    """The few kinds of values that the tests need."""
    lines: list[str] = []
    for section, values in settings.items():
        lines.append(f"[{section}]")
        # JSON's strings, numbers, booleans and arrays are TOML's too.
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def line_count(done: Completed) -> int:
    return len([line for line in done.err.splitlines() if line.strip()])
