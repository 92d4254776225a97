#!/usr/bin/env python3
"""tidy.py finds what it says it finds, and nothing on the allowed side of each limit."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
import tidy  # noqa: E402

LISTS = """\
sipward_library(base
  SOURCES a.cc
  PACKAGES fmt::fmt)
# sipward_library(ghost DEPENDS base)
sipward_library(sip
  SOURCES a.cc
  DEPENDS base)
sipward_library(match
  SOURCES a.cc
  DEPENDS sip
  INTERNAL PkgConfig::hyperscan)
"""


def function(lines: int) -> str:
    return "void f(int a) {\n" + "  g(a);\n" * (lines - 2) + "}\n"


class Tidy(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for name in ("lib", "lib/base", "lib/sip", "lib/match"):
            self.write(f"{name}/README.md", "# A folder\n")
        self.write("lib/CMakeLists.txt", LISTS)

    def write(self, name: str, text: str):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def found(self) -> str:
        return "\n".join(tidy.breaches(self.root))

    def expect_tidy(self, name: str, text: str):
        self.write(name, text)
        self.assertEqual(self.found(), "")

    def expect_breach(self, name: str, text: str, breach: str):
        self.write(name, text)
        self.assertIn(breach, self.found())

    def test_function_length(self):
        self.expect_tidy("lib/sip/a.cc", function(70))
        self.expect_breach("lib/sip/a.cc", "int x;\n" + function(71), "lib/sip/a.cc:2: a function of 71 lines")

    def test_a_namespace_or_class_is_no_function(self):
        members = "  int f() { return 1; }\n" * 80
        self.expect_tidy("lib/sip/a.cc", f"#if defined(X)\n#endif\nnamespace a {{\nclass B {{\n{members}}};\n}}\n")

    def test_braces_in_literals_do_not_count(self):
        tricky = "const char* f() {\n  g('{', \"}{\", R\"(}}\")\", 1'000, '\\'');  // }\n" + "  h();\n" * 69 + "}\n"
        self.expect_breach("lib/sip/a.cc", tricky, "lib/sip/a.cc:1: a function of 72 lines")

    def test_file_length(self):
        self.expect_tidy("lib/sip/a.cc", "int x;\n" * 400)
        self.expect_breach("lib/sip/a.cc", "int x;\n" * 401, "lib/sip/a.cc: 401 lines")

    def test_words(self):
        self.expect_tidy("notes.md", "the work/main loop, XXXXXX, network/work, paths.work/x, debian.org\n")
        for word in ("TO" "DO", "FIX" "ME", "X" "XX", "/wo" "rk/main", "../sha" "red/x", "/ho" "me/me",
                     "http://deb.debi" "an.org/debian"):
            with self.subTest(word):
                self.expect_breach(".ci/run", f"a\n{word}\n", ".ci/run:2: ")

    def test_words_in_builds_are_not_ours(self):
        self.expect_tidy("build/release/x", "TO" "DO\n")

    def test_readme(self):
        self.expect_tidy("lib/sip/README.md", "x\n" * 30)
        self.expect_breach("lib/sip/README.md", "x\n" * 31, "lib/sip/README.md: 31 lines")

    def test_missing_readme(self):
        self.expect_breach("tools/demo/run.sh", "x\n", "tools/demo: has no README.md")

    def test_mirror_folders_of_tests_need_none(self):
        self.write("tests/README.md", "x\n")
        self.write("tests/unit/README.md", "x\n")
        self.expect_tidy("tests/unit/sip/a_test.cc", "int x;\n")

    def test_banned_calls(self):
        self.expect_tidy("lib/sip/a.cc", '// atoi(x)\nint n = snprintf(b, 1, "sprintf(");\n')
        for call in ("atoi(x)", "sprintf(b, x)", "strcpy(a, b)", "std::cout << 1", "std::chrono::system_clock::now()"):
            with self.subTest(call):
                self.expect_breach("lib/sip/a.cc", f"auto x = 1;\nauto y = {call};\n", "lib/sip/a.cc:2: ")

    def test_the_clock_may_read_the_clock(self):
        self.expect_tidy("lib/base/clock.h", "#pragma once\nauto a = std::chrono::system_clock::now();\n")

    def test_header_guard(self):
        self.expect_breach("tests/unit/x.h", "// #pragma once is missing\n", "tests/unit/x.h: a header without")

    def test_includes(self):
        self.expect_tidy("lib/match/a.cc", '#include "match/a.h"\n#include "sip/a.h"\n#include "base/a.h"\n')
        self.expect_breach("lib/sip/a.cc", '#include "base/a.h"\n#include "match/a.h"\n',
                           "lib/sip/a.cc:2: sip may not include match")

    def test_folder_without_library(self):
        self.expect_breach("lib/ghost/a.cc", "int x;\n", "ghost is no library")


if __name__ == "__main__":
    unittest.main()
