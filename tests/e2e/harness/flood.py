"""sipward_flood: many sources, many packets, for a bounded time."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from .net import Link, core, is_v6
from .process import Process

FLOOD = os.environ.get("SIPWARD_FLOOD", "sipward_flood")
# Where floods come from: nets that the flood link carries.
NET4, NET6 = "10.90.0.0/16", "2001:db8:90::/48"
FIRST4, FIRST6 = "10.90.0.1", "2001:db8:90::1"
# Room for 20,000 sources that are `apart`: a /24 or a /48 for each.
WIDE4, WIDE6 = "10.128.0.0/9", "3fff::/32"
WIDE_FIRST4, WIDE_FIRST6 = "10.128.0.1", "3fff::1"


@dataclass(frozen=True)
class Totals:
    """What was sent."""

    sent: int
    errors: int
    seconds: float


class Flood:
    """Runs beside the test until its time or its packets are used up."""

    def __init__(self, link: Link, scratch: Path, kind: str, first: str, *, sources: int = 1, seconds: int = 5,
                 pps: int = 0, packets: int | None = None, ports: int = 1, apart: bool = False, name: str = ""):
        argv = [FLOOD, "--interface", link.interface, "--mac", link.gateway_mac, "--kind", kind,
                "--to", core(6 if is_v6(first) else 4), "--from", first, "--sources", str(sources),
                "--seconds", str(seconds), "--pps", str(pps)]
        argv += ["--packets", str(packets)] if packets is not None else []
        argv += ["--ports", str(ports)] + (["--apart"] if apart else [])
        name = name or f"flood-{kind}-{first.replace(':', '.')}"
        self.process = Process(name, argv, scratch / "logs", link.namespace)

    def totals(self, timeout_s: float = 70) -> Totals:
        done = self.process.wait(timeout_s)
        if done.code != 0:
            raise RuntimeError(str(done))
        return Totals(**json.loads(done.out.splitlines()[-1]))
