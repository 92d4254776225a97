// Messages as they cross a softswitch every day: twelve kinds, each as five user agents send it.
#pragma once

#include <string>
#include <vector>

namespace sipward::test {

[[nodiscard]] std::vector<std::string> ordinary_messages();

}  // namespace sipward::test
