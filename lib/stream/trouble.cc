#include "stream/trouble.h"

#include <array>

namespace sipward::stream {

std::string_view to_string(Trouble trouble) {
  static constexpr std::array<std::string_view, kTroubles> kNames{
      "none",     "contradiction", "forgotten",      "no_room",   "cut_short", "data_in_syn", "second_syn",
      "urgent",   "unproven",      "unplaced",       "after_end", "too_far",   "lost_bytes",  "mid_message",
      "embedded", "not_sip",       "head_too_large", "no_length", "over_share"};
  return kNames[static_cast<std::size_t>(trouble)];
}

}  // namespace sipward::stream
