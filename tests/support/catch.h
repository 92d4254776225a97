// Catch2 2.13 and 3 under one name.
#pragma once

#ifdef SIPWARD_CATCH2_V2
#include <catch2/catch.hpp>
namespace Catch::Matchers {
[[nodiscard]] inline auto ContainsSubstring(const std::string& text) { return Catch::Contains(text); }
}  // namespace Catch::Matchers
#else
#include <catch2/catch_all.hpp>
#endif

using Catch::Matchers::ContainsSubstring;
