// libosip2 as a second, independent reader of the same bytes.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace sipward::test {

// What both readers say of a message, as text; "" is what is not there.
struct Values {
  std::string start;  // the method, or the status
  std::string request_uri;
  std::string from_tag;
  std::string to_tag;
  std::string call_id;
  std::string cseq;
  std::string via_host;
  std::string via_branch;
  std::string content_length;
  std::string user_agent;
};

// Nothing when the reader does not take `bytes` as a message.
[[nodiscard]] std::optional<Values> read_with_osip(const std::string& bytes);
[[nodiscard]] std::optional<Values> read_with_sipward(const std::string& bytes);

struct NamedValues {
  std::string name;
  std::string ours;
  std::string theirs;
};
// Those that differ.
[[nodiscard]] std::vector<NamedValues> differences(const Values& ours, const Values& theirs);

}  // namespace sipward::test
