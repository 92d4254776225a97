"""The frame of an end-to-end test: a network, a softswitch, a shield; and the logs when something fails."""

import atexit
import io
import os
import shutil
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any, ClassVar

from . import cleanup, sip
from .flood import FLOOD
from .kamailio import Kamailio
from .net import Network
from .nft import Meter
from .shield import CLI, DAEMON, Settings, Shield
from .sipp import Callee

_LOG_TAIL = 4000
_scratches: list[Path] = []
SKIPPED = 77
_NEEDED = ("ip", "nft", "ss", "kamailio", "sipp", "svmap", "svwar", "svcrack", "sipsak", "setpriv")


class EndToEnd(unittest.TestCase):
    """One network, softswitch and scratch folder for all tests of a class; they run in the order of their names."""

    roles: ClassVar[tuple[str, ...]] = ("callers", "scanner")
    settings: ClassVar[Settings] = {}
    limits: ClassVar[str] = "off"  # "shipped": the limits that a user meets are what is tested
    log_requests: ClassVar[bool] = True
    scratch: ClassVar[Path]
    network: ClassVar[Network]
    kamailio: ClassVar[Kamailio]
    callee: ClassVar[Callee]
    meter: ClassVar[Meter]
    shield: ClassVar[Shield]

    longMessage = True

    @classmethod
    def setUpClass(cls) -> None:
        cls.scratch = _make_scratch()
        cls.network = Network(*cls.roles)
        cls.kamailio = Kamailio(cls.network, cls.scratch, cls.log_requests)
        cls.callee = Callee(cls.network, cls.scratch)
        cls.meter = Meter(cls.network.core)
        cls.shield = Shield(cls.network, cls.scratch, cls.settings, limits=cls.limits)

    @classmethod
    def tearDownClass(cls) -> None:
        cleanup.run_all()

    @classmethod
    def endpoint(cls, role: str, version: int, host: int, transport: str = "udp") -> sip.Endpoint:
        link = cls.network[role]
        return sip.Endpoint(link.namespace, link.own(version, host), transport)

    def assert_balanced(self, packets: dict[str, Any]) -> None:
        """Every packet offered is accounted for: passed, dropped for a reason, or bypassed."""
        total = sum(sum(packets[kind].values()) for kind in ("passed", "dropped", "bypassed"))
        self.assertEqual(packets["unaccounted"], 0, packets)
        self.assertEqual(packets["in_queue"], 0, packets)
        self.assertEqual(packets["offered"], total, packets)
        # What the kernel saw come back from the daemon is what the daemon says it let pass; and nobody else interfered.
        self.assertEqual(sum(packets["read_as"].values()), packets["passed"]["read"], packets)
        self.assertEqual(packets["dropped"].get("other_rules", 0), 0, packets)


def main() -> None:
    """Runs the tests of the calling program; on failure prints the end of every log."""
    if os.geteuid() != 0:
        print("needs root: it makes network namespaces", file=sys.stderr)
        sys.exit(SKIPPED)
    missing = [program for program in (*_NEEDED, DAEMON, CLI, FLOOD) if shutil.which(program) is None]
    if missing:
        print(f"not found: {', '.join(missing)} (see tools/install-dependencies, and README.md for the environment)",
              file=sys.stderr)
        sys.exit(1)
    # In a pipe, what a test prints and unittest's report come in the order in which they were written.
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=True)
    start = time.monotonic()
    outcome = unittest.main(module="__main__", exit=False, verbosity=2).result
    print(f"{time.monotonic() - start:.1f} s")
    passed = outcome.wasSuccessful()
    for scratch in _scratches:
        if not passed:
            _print_logs(scratch)
    sys.exit(0 if passed else 1)


def _make_scratch() -> Path:
    for left in Path(tempfile.gettempdir()).glob("sipward-e2e-*"):  # of runs that were killed
        owner = left.name.removeprefix("sipward-e2e-").split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(left, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"sipward-e2e-{os.getpid()}-"))
    scratch.chmod(0o755)  # the CLI runs as another user in some tests
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    (scratch / "logs").mkdir()
    _scratches.append(scratch)
    return scratch


def _print_logs(scratch: Path) -> None:
    for path in sorted((scratch / "logs").iterdir()):
        text = path.read_text(errors="replace").strip()
        if text:
            print(f"\n--- {path.name}{' (end)' if len(text) > _LOG_TAIL else ''}\n{text[-_LOG_TAIL:]}")
