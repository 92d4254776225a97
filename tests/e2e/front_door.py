#!/usr/bin/env python3
"""The README's commands, each as it stands there: the demo, the shield on a host, the installation."""
import os
import re
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness.wait import wait_until

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ["SIPWARD_DAEMON"]).parents[1]
CLI = os.environ["SIPWARD_CLI"]
STATE = Path("/var/lib/sipward")
# In a mount and network namespace of its own, so that neither this host's traffic nor its state is touched.
HOST = ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c",
        f"mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs {STATE} && ip link set lo up && exec tools/up"]


def commands():
    """The README's command lines in their order, without comments."""
    lines = re.findall(r"^    ((?:sudo|cmake) .*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    return [re.sub(r"\s+#.*", "", line) for line in lines]


def run(*arguments, **options):
    return subprocess.run(arguments, cwd=ROOT, text=True, capture_output=True, timeout=240, **options)


class FrontDoor(unittest.TestCase):
    """`done` holds what has been run; the last test compares it with the README."""

    done = {"sudo tools/check"}  # this test runs in it

    def test_1_the_demo(self):
        demo = run("tools/up", "--demo")
        self.assertEqual(demo.returncode, 0, demo.stdout[-3000:] + demo.stderr[-3000:])
        for line in ("svmap finds the softswitch", "svmap finds nothing", "every call made meanwhile succeeded"):
            self.assertIn(f"ok: {line}", demo.stdout)
        self.done.add("sudo tools/up --demo")

    def test_2_the_shield_on_a_host_and_the_commands_to_look_at_it(self):
        made = not STATE.exists()
        STATE.mkdir(mode=0o750, exist_ok=True)
        try:
            self.shield_on_a_host()
        finally:
            if made:
                STATE.rmdir()

    def shield_on_a_host(self):
        with tempfile.TemporaryFile("w+") as log:
            shield = subprocess.Popen(HOST, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, text=True)

            def said(text):
                log.seek(0)
                return text in log.read()

            try:
                wait_until(lambda: said("ready: ") or shield.poll() is not None, 120, "the shield on this host")
                self.assertTrue(said("ready: "))
                for command in commands():
                    if command.startswith("sudo sipward "):
                        self.operator(shield.pid, command)
                shield.send_signal(signal.SIGINT)
                self.assertEqual(shield.wait(timeout=20), 0)
                self.assertTrue(said("stopped;"))
            finally:
                if shield.poll() is None:
                    shield.kill()
                    shield.wait()
                log.seek(0)
                print(log.read())
        self.done.add("sudo tools/up")

    def operator(self, pid, command):
        words = command.split()[2:]
        if "--watch" in words:  # until Ctrl-C
            words = ["timeout", "--signal=INT", "3", CLI, *words]
        else:
            words = [CLI, *words]
        # The README's quoted comment comes apart in split(); a shell puts it together.
        result = run("nsenter", "--target", str(pid), "--net", "--mount", "sh", "-c", " ".join(words))
        self.assertIn(result.returncode, (0, 124), f"{command}: {result.stdout}{result.stderr}")
        self.done.add(command)

    def test_3_the_installation(self):
        with tempfile.TemporaryDirectory() as root:
            result = run("cmake", "--install", str(BUILD), env=os.environ | {"DESTDIR": root})
            self.assertEqual(result.returncode, 0, result.stderr)
            for file in ("usr/sbin/sipwardd", "usr/bin/sipward", "usr/share/sipward/rules/user-agents.toml",
                         "usr/lib/systemd/system/sipwardd.service", "usr/lib/sysusers.d/sipward.conf",
                         "usr/share/man/man8/sipwardd.8", "usr/share/man/man1/sipward.1"):
                found = list(Path(root).glob(file + "*"))
                self.assertTrue(found, f"{file} is not installed")
            check = run(f"{root}/usr/sbin/sipwardd", "--version")
            self.assertEqual(check.returncode, 0)

    def test_4_nothing_in_the_readme_was_left_out(self):
        self.assertEqual(set(commands()) - self.done, set())


if __name__ == "__main__":
    unittest.main(verbosity=2)
