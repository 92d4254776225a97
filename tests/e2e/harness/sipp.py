"""SIPp: callers and registrations from a chosen address, and the callee behind Kamailio."""

import csv
from dataclasses import dataclass, field
from pathlib import Path

from .kamailio import UAS_PORT
from .net import Network, bracketed, core, is_v6
from .process import Process, must
from .wait import wait_until

_SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"


@dataclass(frozen=True)
class Result:
    """SIPp's own totals."""

    started: int
    successful: int
    failed: int
    retransmissions: int
    code: int
    errors: str = field(repr=False)

    @property
    def all_succeeded(self) -> bool:
        return self.code == 0 and self.failed == 0 and self.successful == self.started > 0


class Callee:
    """Answers the calls that Kamailio relays."""

    def __init__(self, network: Network, scratch: Path):
        self.process = Process("sipp-uas", _sipp("uas.xml") + ["-i", "127.0.0.1", "-p", str(UAS_PORT)],
                               scratch / "logs", network.core, {"TERM": "dumb"}, scratch)
        wait_until(lambda: _listens(network.core), 10, "SIPp's UAS to listen")


class Caller:
    """A SIPp client that runs until its `calls` are done."""

    def __init__(self, namespace: str, source: str, scratch: Path, scenario: str = "call.xml", *, name: str = "",
                 transport: str = "u1", rate: float = 10, calls: int = 20, hold_ms: int = 200, user: str = "uas",
                 password: str = "", login: str = ""):
        self.name = name or f"sipp-{scenario.removesuffix('.xml')}-{source.replace(':', '.')}-{transport}"
        self.source = source
        self._statistics = scratch / f"{self.name}.csv"
        self._errors = scratch / "logs" / f"{self.name}.errors"
        target = f"{bracketed(core(6 if is_v6(source) else 4))}:5060"
        # Whole calls a second are SIPp's unit; a fraction is asked for by a longer period.
        argv = _sipp(scenario) + [
            "-i", bracketed(source), "-bind_local", "-t", transport, "-s", user, "-au", login or user,
            "-ap", password,
            "-r", str(int(rate * 10)), "-rp", "10000", "-m", str(calls), "-d", str(hold_ms),
            "-trace_stat", "-stf", str(self._statistics), "-fd", "1", "-trace_err", "-error_file", str(self._errors),
            target]
        self.process = Process(self.name, argv, scratch / "logs", namespace, {"TERM": "dumb"}, scratch)

    def result(self, timeout_s: float = 60) -> Result:
        """Waits for the end of the run."""
        code = self.process.wait(timeout_s).code
        return self._totals(code)

    def successful_so_far(self) -> int:
        """Calls that went through up to SIPp's last report (one a second)."""
        return self._totals(0).successful if self._statistics.exists() else 0

    def _totals(self, code: int) -> Result:
        with open(self._statistics, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter=";"))
        row = rows[-1] if rows else {}
        number = {key: int(row.get(key) or 0) for key in
                  ("TotalCallCreated", "SuccessfulCall(C)", "FailedCall(C)", "Retransmissions(C)")}
        errors = self._errors.read_text(errors="replace")[-3000:] if self._errors.exists() else ""
        return Result(number["TotalCallCreated"], number["SuccessfulCall(C)"], number["FailedCall(C)"],
                      number["Retransmissions(C)"], code, errors)


def _sipp(scenario: str) -> list[str]:
    return ["sipp", "-sf", str(_SCENARIOS / scenario), "-nostdin", "-skip_rlimit"]


def _listens(namespace: str) -> bool:
    return f"127.0.0.1:{UAS_PORT}" in must(["ss", "-Hlun"], namespace)
