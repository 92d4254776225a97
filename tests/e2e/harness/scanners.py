"""SIPVicious (Debian's sipvicious), run as an attacker would, and sipsak as a monitoring station would."""

import re
from dataclasses import dataclass
from pathlib import Path

from .kamailio import WEAK_EXTENSION
from .net import Link, bracketed, core, is_v6
from .process import Process, run


@dataclass(frozen=True)
class Finding:
    """What a scan brought to light."""

    found: tuple[str, ...]
    output: str


class Scan:
    """A running SIPVicious program. svwar and svcrack cannot bind: the link's address must be the only one."""

    def __init__(self, link: Link, source: str, scratch: Path, tool: str, arguments: list[str], pattern: str,
                 name: str = ""):
        link.use_only(source)
        self._pattern = pattern
        family = ["-6"] if is_v6(source) else []
        argv = [tool, *family, "-x", bracketed(source), *arguments]
        self.process = Process(name or f"{tool}-{source.replace(':', '.')}", argv, scratch / "logs", link.namespace,
                               {"PYTHONUNBUFFERED": "1"}, scratch)

    def finding(self, timeout_s: float = 40) -> Finding:
        """Waits for the scan to give up or finish."""
        done = self.process.wait(timeout_s)
        output = done.out + done.err
        rows = re.findall(self._pattern, output, re.MULTILINE)
        return Finding(tuple(rows), output)


def svmap(link: Link, source: str, scratch: Path, name: str = "") -> Scan:
    """Looks for SIP devices: finds addresses."""
    target = core(6 if is_v6(source) else 4)
    return Scan(link, source, scratch, "svmap", ["-b", source, target],
                rf"^\| {re.escape(target)}:5060\s+\| ([^|]*?)\s*\|", name)


def svwar(link: Link, source: str, scratch: Path, name: str = "", numbers: str = "95-115", pause_s: float = 0) -> Scan:
    """Looks for extensions: finds numbers. One try each `pause_s`, as fast as it is answered when that is 0."""
    target = core(6 if is_v6(source) else 4)
    return Scan(link, source, scratch, "svwar", ["-e", numbers, "--maximumtime=3", *_pace(pause_s), target],
                r"^\| (\d+)\s+\| reqauth", name)


def svcrack(link: Link, source: str, scratch: Path, name: str = "", pause_s: float = 0) -> Scan:
    """Guesses passwords: finds the weak one, which is the 18th."""
    target = core(6 if is_v6(source) else 4)
    return Scan(link, source, scratch, "svcrack",
                ["-u", WEAK_EXTENSION, "-r", "1200-1230", "--maximumtime=3", *_pace(pause_s), target],
                rf"^\| {WEAK_EXTENSION}\s+\| (\S+)", name)


def _pace(pause_s: float) -> list[str]:
    return [f"--timeout={pause_s:g}"] if pause_s else []


def sipsak(link: Link, source: str) -> bool:
    """Whether an OPTIONS from `source` is answered with 200, as Nagios' plugins ask."""
    target = bracketed(core(6 if is_v6(source) else 4))
    # T1 of 250 ms and three transmissions: silence costs two seconds, not the eighteen of the defaults.
    done = run(["sipsak", "-N", "-Z", "250", "-D", "4", "-k", source, "-s", f"sip:{target}:5060"], link.namespace,
               timeout_s=40)
    return done.code == 0
