"""The running machine: scripts go in over a serial port, their output comes back. What the kernel says goes to a log."""

import base64
import os
import select
import subprocess
import time
from pathlib import Path

from harness import cleanup
from harness.process import Completed

_QEMU = "qemu-system-x86_64"
# Where KVM works it boots within seconds; a broken one may also just hang.
_KVM_BOOT_S = 20
_TCG_BOOT_S = 150


class Guest:
    """Two CPUs, 1 GiB, no network but its own. Gone when the test ends."""

    def __init__(self, kernel: Path, initramfs: Path, console: Path):
        self.console = console
        self._last = 0
        accelerators = [("tcg", "max", _TCG_BOOT_S)]
        if os.access("/dev/kvm", os.R_OK | os.W_OK):
            accelerators.insert(0, ("kvm", "host", _KVM_BOOT_S))
        for accelerator, cpu, boot_s in accelerators:
            self.accelerator = accelerator
            self._start(kernel, initramfs, accelerator, cpu)
            try:
                self._answer(0, boot_s)
                return
            except (EOFError, TimeoutError) as error:
                self.kill()
                last = error
        raise RuntimeError(f"the machine does not boot: {last}")

    def run(self, script: str, timeout_s: float = 30) -> Completed:
        """Runs a shell script to its end. What it leaves in the background must have its output redirected."""
        self._last += 1
        line = f"{self._last} {base64.b64encode(script.encode()).decode()}\n"
        assert self._qemu.stdin
        self._qemu.stdin.write(line.encode())
        self._qemu.stdin.flush()
        code, out, err = self._answer(self._last, timeout_s)
        return Completed([script], code, out, err)

    def must(self, script: str, timeout_s: float = 30) -> str:
        """Runs a script that has to succeed, each line of it; its standard output."""
        done = self.run(f"set -e\n{script}", timeout_s)
        if done.code != 0:
            raise RuntimeError(str(done))
        return done.out

    def kill(self) -> None:
        self._qemu.kill()
        self._qemu.communicate()

    def _start(self, kernel: Path, initramfs: Path, accelerator: str, cpu: str) -> None:
        argv = ["setpriv", "--pdeathsig", "KILL", _QEMU, "-accel", accelerator, "-cpu", cpu, "-smp", "2", "-m", "1024",
                "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                "-serial", f"file:{self.console}", "-serial", "stdio", "-kernel", str(kernel), "-initrd", str(initramfs),
                "-append", "console=ttyS0 loglevel=5 panic=-1 mitigations=off"]
        with open(f"{self.console}.{accelerator}", "wb") as errors:
            self._qemu = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                                          start_new_session=True)
        self._received = b""
        cleanup.on_exit(self.kill)

    def _answer(self, number: int, timeout_s: float) -> tuple[int, str, str]:
        assert self._qemu.stdout
        end = time.monotonic() + timeout_s
        while b"\n" not in self._received:
            if not select.select([self._qemu.stdout], [], [], max(0.0, end - time.monotonic()))[0]:
                raise TimeoutError(f"no answer from the machine ({self.accelerator}) after {timeout_s:g} s")
            data = os.read(self._qemu.stdout.fileno(), 65536)
            if not data:
                raise EOFError(f"the machine ({self.accelerator}) has ended")
            self._received += data
        line, self._received = self._received.split(b"\n", 1)
        answered, code, out, err = line.strip().removeprefix(b"=").split(b":")
        if int(answered) != number:
            raise RuntimeError(f"answer {number} was expected from the machine, not {line[:100]!r}")
        return int(code), _text(out), _text(err)


def _text(encoded: bytes) -> str:
    return base64.b64decode(encoded).decode(errors="replace")
