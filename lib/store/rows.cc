#include "store/rows.h"

namespace sipward::store {

WhitelistEntry whitelist_entry(const Row& row) {
  return {.net = {},
          .source_class = row.bytes(1),
          .comment = row.bytes(2),
          .created = from_ms(row.integer(3)),
          .expires = from_ms(row.maybe_integer(4)),
          .origin = row.bytes(5)};
}

BanRecord ban_record(const Row& row) {
  return {.net = {},
          .reason = row.bytes(1),
          .rule = row.bytes(2),
          .origin = row.bytes(3),
          .verified = row.integer(4) != 0,
          .created = from_ms(row.integer(5)),
          .expires = from_ms(row.maybe_integer(6))};
}

EvidenceRecord evidence_record(const Row& row, const Address& source) {
  return {.time = from_ms(row.integer(0)),
          .source = source,
          .source_port = static_cast<std::uint16_t>(row.integer(2)),
          .destination = row.bytes(3),
          .transport = row.bytes(4),
          .reason = row.bytes(5),
          .rule = row.bytes(6),
          .action = row.bytes(7),
          .verified = row.integer(8) != 0,
          .excerpt = row.bytes(9),
          .value = row.bytes(10),
          .match_begin = static_cast<std::uint32_t>(row.integer(11)),
          .match_end = static_cast<std::uint32_t>(row.integer(12)),
          .observed = row.integer(13) != 0,
          .detail = row.bytes(14)};
}

}  // namespace sipward::store
