"""An initramfs of busybox, this host's programs with their libraries, and a kernel's modules.

The format is cpio's "newc" (Linux: Documentation/driver-api/early-userspace/buffer-format.rst).
"""

import re
import stat
from pathlib import Path

from harness.process import must

BUSYBOX = "/bin/busybox"
_INIT = Path(__file__).resolve().parent / "init"
# iproute2's is meant, not the applet.
_NO_LINKS = {"busybox", "ip"}


class Image:
    """Files by their path in the machine, without the leading slash."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, bytes, tuple[int, int]]] = {}
        for folder in ("dev", "proc", "sys", "run", "tmp", "var/lib/sipward"):
            self._add_folder(folder)
        self._add("dev/console", stat.S_IFCHR | 0o600, b"", (5, 1))
        self._add("var/run", stat.S_IFLNK | 0o777, b"/run")
        self.add_file("init", _INIT.read_bytes(), 0o755)
        self.add_file("bin/busybox", Path(BUSYBOX).read_bytes(), 0o755)
        for applet in must([BUSYBOX, "--list"]).split():
            if applet not in _NO_LINKS:
                self._add(f"bin/{applet}", stat.S_IFLNK | 0o777, b"/bin/busybox")
        self._add("sbin/modprobe", stat.S_IFLNK | 0o777, b"/bin/busybox")  # where the kernel looks for it
        self.add_file("etc/passwd", b"root:x:0:0:root:/:/bin/sh\n")
        self.add_file("etc/group", b"root:x:0:\n")
        self.add_file("etc/nsswitch.conf", b"passwd: files\ngroup: files\n")

    def add_file(self, path: str, content: bytes, mode: int = 0o644) -> None:
        self._add(path, stat.S_IFREG | mode, content)

    def add_program(self, program: str, path: str) -> None:
        """`program` of this host as `path`, with its shared libraries where the loader expects them."""
        self.add_file(path, Path(program).read_bytes(), 0o755)
        for library in re.findall(r"^\s*(?:\S+ => )?(/\S+) \(0x", must(["ldd", program]), re.MULTILINE):
            self.add_file(library.lstrip("/"), Path(library).read_bytes(), 0o755)

    def write(self, path: Path) -> None:
        with open(path, "wb") as file:
            for number, (name, (mode, content, device)) in enumerate(self._entries.items(), 1):
                file.write(_header(number, mode, len(content), device, name) + content + b"\0" * (-len(content) % 4))
            file.write(_header(0, 0, 0, (0, 0), "TRAILER!!!"))

    def _add(self, path: str, mode: int, content: bytes, device: tuple[int, int] = (0, 0)) -> None:
        self._add_folder(str(Path(path).parent))
        self._entries[path] = (mode, content, device)

    def _add_folder(self, path: str) -> None:
        for folder in [*reversed(Path(path).parents), Path(path)]:
            if str(folder) != ".":
                self._entries.setdefault(str(folder), (stat.S_IFDIR | 0o755, b"", (0, 0)))


def _header(number: int, mode: int, size: int, device: tuple[int, int], name: str) -> bytes:
    """The thirteen fields after the magic, then the name, filled up to a multiple of four."""
    links = 1
    fields = (number, mode, 0, 0, links, 0, size, 0, 0, *device, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
    return head + b"\0" * (-len(head) % 4)
