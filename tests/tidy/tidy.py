#!/usr/bin/env python3
"""The house rules that a program can check.  usage: tidy.py ROOT;  prints each breach, exits 1 when there is one."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 400
README_LINES_MAX = 30

NOT_OURS = {".git", ".cache", "build", "__pycache__"}
PRODUCT = ("lib", "daemon", "tools")
WITH_README = ("lib", "daemon", "tools", "tests", "rules", "systemd")

# Written in pieces, or this file would be the first breach.
FORBIDDEN = {
    "unfinished work": r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b",
    "a path of one machine": r"(?<![\w.$}])/wo" r"rk(?![\w-])|\.\./sha" r"red\b|/ho" r"me/\w|/ro" r"ot/\w",
    "a package mirror": r"\b[\w.-]*\.debi" r"an\.(org|net)/debi" r"an\b|\b(deb|ftp|snapshot|security)[\w.]*\.debi" r"an\.org\b",
}
BANNED_IN_LIB = {
    r"\b(atoi|atol|atof)\s*\(": "reads a number without telling errors: std::from_chars",
    r"\bv?sprintf\s*\(": "writes without a limit: fmt::format_to_n",
    r"\b(strcpy|strcat|strtok)\s*\(": "copies without a limit or keeps hidden state",
    r"\bstd::(cout|cerr)\b": "a library does not print",
    r"\bsystem_clock::now\b": "time is an argument; clocks are read by base/clock.h alone",
}
CLOCK = "lib/base/clock.h"

_SKIPPED = re.compile(
    r"""//[^\n]*|/\*.*?\*/                             # comments
      |R"([^\s()\\]{0,16})\(.*?\)\1"                   # raw strings
      |"(?:\\.|[^"\\\n])*"                             # strings
      |(?<!\w)\d[\w.]*(?:'\w+)*                        # numbers, whose separators are no quotes
      |'(?:\\.|[^'\\\n])+'                             # characters
    """, re.DOTALL | re.VERBOSE)


def bare(code: str) -> str:
    """`code` without comments and without what its literals hold; every line keeps its number."""
    def hole(match: re.Match) -> str:
        return (" " if match[0][0] == "/" else "0") + "\n" * match[0].count("\n")
    return _SKIPPED.sub(hole, code)


def line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def files(root: Path) -> Iterator[Path]:
    for path in sorted(root.iterdir()):
        if path.name in NOT_OURS or path.is_symlink():
            continue
        if path.is_dir():
            yield from files(path)
        else:
            yield path


def cpp(root: Path, *folders: str) -> Iterator[tuple[Path, str]]:
    for folder in folders:
        if (root / folder).is_dir():
            for path in files(root / folder):
                if path.suffix in (".cc", ".h"):
                    yield path, path.read_text(encoding="utf-8")


_PREPROCESSOR = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)
_NO_FUNCTION = re.compile(r"\b(namespace|class|struct|union|enum)\b[^()]*$|=\s*$")


def functions(code: str) -> Iterator[tuple[int, int]]:
    """First and last line of each outermost function body, told by its braces: rough, but the same for everybody."""
    text = _PREPROCESSOR.sub(lambda match: "\n" * match[0].count("\n"), bare(code))
    depth, inside, start, head = 0, None, 0, 0
    for match in re.finditer(r"[{};]", text):
        mark = match[0]
        if mark == "{":
            opening = text[head:match.start()]
            if inside is None and ")" in opening and not _NO_FUNCTION.search(opening):
                inside, start = depth, head + len(opening) - len(opening.lstrip())
            depth += 1
        elif mark == "}":
            depth -= 1
            if depth == inside:
                yield line_of(text, start), line_of(text, match.start())
                inside = None
        head = match.end()


def check_sizes(root: Path) -> Iterator[str]:
    for path, code in cpp(root, *PRODUCT):
        lines = code.count("\n")
        if lines > FILE_LINES_MAX:
            yield f"{path}: {lines} lines; {FILE_LINES_MAX} at most"
        for first, last in functions(code):
            if last - first + 1 > FUNCTION_LINES_MAX:
                yield f"{path}:{first}: a function of {last - first + 1} lines; {FUNCTION_LINES_MAX} at most"


def check_words(root: Path) -> Iterator[str]:
    patterns = {what: re.compile(pattern) for what, pattern in FORBIDDEN.items()}
    for path in files(root):
        text = path.read_bytes().decode("utf-8", errors="replace")
        for what, pattern in patterns.items():
            for match in pattern.finditer(text):
                yield f"{path}:{line_of(text, match.start())}: {what}: {match[0]!r}"


def folders_with_readme(root: Path) -> Iterator[Path]:
    for name in WITH_README:
        top = root / name
        for path in sorted([top, *top.rglob("*")]) if top.is_dir() else []:
            # tests/unit mirrors lib, whose folders explain themselves.
            deep_in_tests = name == "tests" and len(path.relative_to(top).parts) > 1
            if path.is_dir() and not deep_in_tests and not NOT_OURS & set(path.relative_to(root).parts):
                yield path


def check_readmes(root: Path) -> Iterator[str]:
    for folder in folders_with_readme(root):
        readme = folder / "README.md"
        if not readme.is_file():
            yield f"{folder}: has no README.md"
            continue
        lines = readme.read_text(encoding="utf-8").count("\n")
        if lines > README_LINES_MAX:
            yield f"{readme}: {lines} lines; {README_LINES_MAX} at most"


def check_banned(root: Path) -> Iterator[str]:
    for path, code in cpp(root, "lib"):
        text = bare(code)
        for pattern, why in BANNED_IN_LIB.items():
            for match in re.finditer(pattern, text):
                if "clock" in match[0] and path == root / CLOCK:
                    continue
                yield f"{path}:{line_of(text, match.start())}: {match[0]!r} {why}"


def check_guards(root: Path) -> Iterator[str]:
    for path, code in cpp(root, *PRODUCT, "tests"):
        if path.suffix == ".h" and not re.search(r"^#pragma once$", code, re.MULTILINE):
            yield f"{path}: a header without #pragma once"


def dependencies(text: str) -> dict[str, set[str]]:
    """For each library of lib/CMakeLists.txt, the folders its DEPENDS reach, itself among them."""
    direct: dict[str, set[str]] = {}
    for call in re.findall(r"^sipward_library\(([^)]*)\)", re.sub(r"#[^\n]*", "", text), re.MULTILINE):
        name, *words = call.split()
        keyword, direct[name] = "", set()
        for word in words:
            if word.isupper():
                keyword = word
            elif keyword == "DEPENDS":
                direct[name].add(word)

    def reach(name: str, seen: set[str]) -> set[str]:
        for other in {name} | direct.get(name, set()):
            if other not in seen:
                seen.add(other)
                reach(other, seen)
        return seen
    return {name: reach(name, set()) for name in direct}


def check_includes(root: Path) -> Iterator[str]:
    lists = root / "lib" / "CMakeLists.txt"
    allowed = dependencies(lists.read_text(encoding="utf-8"))
    for path, code in cpp(root, "lib"):
        folder = path.relative_to(root / "lib").parts[0]
        if folder not in allowed:
            yield f"{path}: {folder} is no library in {lists}"
            continue
        for match in re.finditer(r'^\s*#\s*include\s+"([^"/]+)/', code, re.MULTILINE):
            if match[1] not in allowed[folder]:
                yield f"{path}:{line_of(code, match.start(1))}: {folder} may not include {match[1]} (its DEPENDS do not reach it)"


CHECKS = (check_sizes, check_words, check_readmes, check_banned, check_guards, check_includes)


def breaches(root: Path) -> list[str]:
    return [breach.replace(f"{root}/", "", 1) for check in CHECKS for breach in check(root)]


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not (Path(arguments[0]) / "lib" / "CMakeLists.txt").is_file():
        print("usage: tidy.py ROOT, the folder of Sipward's source", file=sys.stderr)
        return 2
    found = breaches(Path(arguments[0]).resolve())
    print("\n".join(found) if found else "tidy")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
