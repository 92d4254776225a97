"""Undoes what a test set up, however the test ends: return, exception, SIGTERM, SIGINT, SIGHUP."""

import atexit
import signal
import sys
from collections.abc import Callable

_undo: list[Callable[[], None]] = []


def on_exit(undo: Callable[[], None]) -> None:
    """Runs `undo` at exit, the newest first. It must bear being called when there is nothing left to undo."""
    _undo.append(undo)


def run_all() -> None:
    while _undo:
        try:
            _undo.pop()()
        except Exception as error:  # one failure must not keep the rest from being undone
            print(f"cleanup: {error}", file=sys.stderr)


def _stop(_number: int, _frame: object) -> None:
    # The one exception that unittest does not take for a failed test.
    raise KeyboardInterrupt


atexit.register(run_all)
for _signal in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(_signal, _stop)
