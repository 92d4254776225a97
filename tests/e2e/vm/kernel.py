"""Debian's kernel and the modules that packet filters need, kept in a cache folder between runs; never installed."""

import lzma
import os
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path

from harness.process import run

_META = "linux-image-amd64"
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sipward-tests"
_KEPT = re.compile(r"\./boot/vmlinuz-|\./(usr/)?lib/modules/[^/]+/kernel/(crypto/|lib/|net/|drivers/net/veth\.)")
# What the shield needs of a kernel whose modules nobody has loaded; what these depend on comes with them. Both ways into
# a queue are there, so that the native one is a choice.
_WANTED = ("nf_tables", "nft_ct", "nft_hash", "nft_limit", "nft_objref", "nft_queue", "nfnetlink_queue",
           "nft_log", "nfnetlink_log", "nft_connlimit", "nft_compat", "xt_NFQUEUE", "veth", "8021q")
# Part of nf_tables in most kernels; and libcrc32c asks for a checksum by alias, which no dependency tells.
_WANTED_IF_THERE = ("nft_counter", "crc32c_generic", "crc32c_cryptoapi")


class Kernel:
    """A kernel image, and its modules by name."""

    def __init__(self, folder: Path):
        self.image = next(folder.glob("boot/vmlinuz-*"))
        self.release = self.image.name.removeprefix("vmlinuz-")
        self._modules = {_name(path): path for path in folder.rglob("*.ko*")}

    def modules(self) -> dict[str, bytes]:
        """The wanted modules with all that they depend on, and the lists that modprobe reads: by path."""
        data: dict[str, bytes] = {}
        waiting = [*_WANTED, *(name for name in _WANTED_IF_THERE if name in self._modules)]
        while waiting:
            name = waiting.pop()
            if name not in self._modules:
                raise RuntimeError(f"{self.image.name} comes without module {name}")
            if name not in data:
                data[name] = _read(self._modules[name])
                waiting += _depends(data[name])
        folder = f"lib/modules/{self.release}"
        files = {f"{folder}/{name}.ko": content for name, content in data.items()}
        files[f"{folder}/modules.dep"] = "".join(
            f"{name}.ko:{''.join(f' {other}.ko' for other in _reach(name, data))}\n" for name in sorted(data)).encode()
        files[f"{folder}/modules.alias"] = "".join(
            f"alias {alias} {name}\n" for name in sorted(data) for alias in _info(data[name], "alias")).encode()
        files[f"{folder}/modules.symbols"] = b""
        return files


def debian_kernel() -> Kernel:
    """From the cache; fetched first when it is not there. Delete the folder to get a newer one."""
    folder = _CACHE / _META
    if not folder.is_dir():
        _CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_CACHE) as scratch:
            _fetch(Path(scratch))
            # Whole or not at all; another run may have been faster.
            unpacked = Path(scratch) / "unpacked"
            try:
                unpacked.rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
    return Kernel(folder)


def _fetch(scratch: Path) -> None:
    found = re.search(r"Depends: (linux-image-\S+)", run(["apt-cache", "depends", _META]).out)
    if not found:
        raise RuntimeError(f"apt-cache knows no {_META}: run `apt-get update` as root, with Debian's archive among the sources")
    # As root apt-get would change to a user that may not write here.
    done = run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", found[1]], timeout_s=120, cwd=scratch)
    packages = list(scratch.glob("*.deb"))
    if done.code != 0 or not packages:
        raise RuntimeError(f"{found[1]} is not in {_CACHE} and cannot be downloaded:\n{done}")
    _unpack(packages[0], scratch / "unpacked")


def _unpack(package: Path, folder: Path) -> None:
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as dpkg:
        assert dpkg.stdout
        with tarfile.open(fileobj=dpkg.stdout, mode="r|") as archive:
            for member in archive:
                if member.isfile() and _KEPT.match(member.name):
                    archive.extract(member, folder)
        while dpkg.stdout.read(65536):  # the padding: without a reader dpkg-deb would fail
            pass
    if dpkg.returncode != 0:
        raise RuntimeError(f"dpkg-deb cannot unpack {package}")


def _name(path: Path) -> str:
    return path.name.split(".")[0].replace("-", "_")


def _read(path: Path) -> bytes:
    content = path.read_bytes()
    return lzma.decompress(content) if path.suffix == ".xz" else content


def _info(module: bytes, key: str) -> list[str]:
    """The values of `key` in the module's .modinfo section: NUL-terminated KEY=VALUE."""
    return [value.decode() for value in re.findall(rb"\0" + key.encode() + rb"=([^\0]*)", module)]


def _depends(module: bytes) -> list[str]:
    return [name.replace("-", "_") for value in _info(module, "depends") for name in value.split(",") if name]


def _reach(name: str, data: dict[str, bytes]) -> list[str]:
    """All that `name` needs. modprobe loads from the end: what is needed by others stands behind them."""
    found: list[str] = []
    for other in _depends(data[name]):
        needed = [other, *_reach(other, data)]
        found = [module for module in found if module not in needed] + needed
    return found
