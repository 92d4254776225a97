"""Programs run in a namespace, with their output kept in files."""

import ctypes
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import cleanup

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def in_namespace(namespace: str | None, argv: list[str]) -> list[str]:
    return ["ip", "netns", "exec", namespace, *argv] if namespace else argv


@dataclass
class Completed:
    """A program that has ended."""

    argv: list[str]
    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"$ {' '.join(self.argv)}\n{self.out}{self.err}-> exit {self.code}"


class Process:
    """A program in a process group of its own; killed with the test at the latest."""

    def __init__(self, name: str, argv: list[str], logs: Path, namespace: str | None = None,
                 env: dict[str, str] | None = None, cwd: Path | None = None):
        self.name = name
        self.argv = argv
        self.out_path = logs / f"{name}.out"
        self.err_path = logs / f"{name}.err"
        with open(self.out_path, "ab") as out, open(self.err_path, "ab") as err:
            self._popen = subprocess.Popen(
                in_namespace(namespace, argv), stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd,
                env={**os.environ, **(env or {})}, start_new_session=True, preexec_fn=_die_with_parent)
        cleanup.on_exit(self.kill)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def running(self) -> bool:
        return self._popen.poll() is None

    def out(self) -> str:
        return self.out_path.read_text(errors="replace")

    def err(self) -> str:
        return self.err_path.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """To the program alone, not to its children."""
        if self.running():
            os.kill(self.pid, number)

    def wait(self, timeout_s: float) -> Completed:
        try:
            code = self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.name} still runs after {timeout_s:g} s\n{self.err()[-2000:]}") from None
        return Completed(self.argv, code, self.out(), self.err())

    def stop(self, timeout_s: float = 10) -> Completed:
        self.signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def kill(self) -> None:
        """The whole group, at once."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # has ended
        self._popen.wait()


def run(argv: list[str], namespace: str | None = None, timeout_s: float = 30, env: dict[str, str] | None = None,
        stdin: str = "", cwd: Path | None = None) -> Completed:
    """Runs a program to its end."""
    done = subprocess.run(in_namespace(namespace, argv), input=stdin, capture_output=True, text=True, errors="replace",
                          timeout=timeout_s, env={**os.environ, **(env or {})}, check=False, cwd=cwd,
                          preexec_fn=_die_with_parent)
    return Completed(argv, done.returncode, done.stdout, done.stderr)


def must(argv: list[str], namespace: str | None = None, stdin: str = "") -> str:
    """Runs a program that has to succeed; its standard output."""
    done = run(argv, namespace, stdin=stdin)
    if done.code != 0:
        raise RuntimeError(str(done))
    return done.out
