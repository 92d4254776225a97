"""tcpdump and dumpcap on the softswitch's host: what the shield sees, into a file."""

import signal
from pathlib import Path

from .process import Process, must
from .wait import wait_until


class Capture:
    """A running capture, which has begun when the constructor returns."""

    def __init__(self, argv: list[str], path: Path, logs: Path, namespace: str, ready: str):
        self.path = path
        self.process = Process(f"capture-{path.name}", argv, logs, namespace)
        wait_until(lambda: self._has_begun(ready), 10, f"{argv[0]} to listen")

    def stop(self) -> Path:
        """Ctrl-C, when all that has arrived is surely in the buffer: what is waited for came over the network."""
        self.process.signal(signal.SIGINT)
        self.process.wait(10)
        return self.path

    def _has_begun(self, ready: str) -> bool:
        if not self.process.running():
            raise RuntimeError(f"{self.process.name} has ended: {self.process.err()[-2000:]}")
        return ready in self.process.err()


def tcpdump(namespace: str, path: Path, logs: Path) -> Capture:
    """All interfaces, link type LINUX_SLL2, pcap."""
    return Capture(["tcpdump", "-i", "any", "-n", "-U", "-B", "16384", "-Z", "root", "-w", str(path)], path, logs,
                   namespace, "listening on")


def dumpcap(namespace: str, path: Path, logs: Path, *interfaces: str) -> Capture:
    """These interfaces, each with its own in the pcapng file."""
    named = [word for interface in interfaces for word in ("-i", interface)]
    return Capture(["dumpcap", "-q", *named, "-w", str(path)], path, logs, namespace, "File: ")


def select(source: Path, target: Path, expression: str) -> Path:
    """The packets of `source` that the filter takes."""
    must(["tcpdump", "-n", "-r", str(source), "-w", str(target), "-Z", "root", expression])
    return target
