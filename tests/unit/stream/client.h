// A client's side of a TCP connection, as a stream reader sees it.
#pragma once

#include "stream/stream_reader.h"
#include "support/catch.h"

namespace sipward::stream::testing {

inline constexpr Instant kStart{std::chrono::hours(1)};
inline constexpr Instant kLater = kStart + std::chrono::minutes(5);  // the start's grace is over

inline const std::string kOptions =
    "OPTIONS sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP 198.51.100.7;branch=z9hG4bK1\r\nUser-Agent: "
    "friendly-scanner\r\nContent-Length: 0\r\n\r\n";
inline const std::string kMessage =
    "MESSAGE sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP 198.51.100.7;branch=z9hG4bK2\r\nl: "
    "9\r\n\r\nOPTIONS s";

struct Told {
  std::vector<std::string> messages;
  unsigned keepalives = 0;
  Trouble trouble = Trouble::none;
  bool refused = false;
  friend bool operator==(const Told&, const Told&) = default;
};

// A client's side of one connection. Segments that cannot be read end it, as in the shield.
class Client {
 public:
  explicit Client(StreamReader& reader, std::uint32_t first = 1000, std::uint16_t port = 40000)
      : reader_(reader), next_(first + 1) {
    datagram_.source = *Address::parse("198.51.100.7");
    datagram_.destination = *Address::parse("192.0.2.1");
    datagram_.protocol = packet::Protocol::tcp;
    datagram_.source_port = port;
    datagram_.destination_port = 5060;
  }

  // `living`: the kernel knows a connection between these ports, and that it has not ended.
  Told syn(bool living = false, Instant now = kLater) {
    datagram_.tcp = {.sequence = next_ - 1, .syn = true};
    return receive({}, now, living);
  }
  Told at(std::uint32_t offset, std::string_view bytes, Instant now = kLater) {
    datagram_.tcp = {.sequence = next_ + offset, .acknowledgment = 1, .ack = true};
    return receive(bytes, now, proven);
  }
  Told send(std::string_view bytes, Instant now = kLater) {
    const Told told = at(0, bytes, now);
    next_ += static_cast<std::uint32_t>(bytes.size());
    return told;
  }
  void jump(std::uint32_t bytes) { next_ += bytes; }
  [[nodiscard]] std::uint32_t next() const { return next_; }

  bool lenient = false;
  bool proven = true;
  bool cut = false;
  std::uint32_t expected = 0;
  bool end = false;         // end the connection at its first message
  std::string_view refuse;  // or at the first one with these bytes

 private:
  Told receive(std::string_view bytes, Instant now, bool is_proven) {
    datagram_.payload = bytes;
    Segment segment = reader_.take({datagram_, is_proven, lenient, cut}, now);
    Told told;
    while (const auto item = segment.next()) {
      if (item->is_keepalive)
        ++told.keepalives;
      else
        told.messages.emplace_back(item->bytes);
      told.refused = !refuse.empty() && item->bytes.find(refuse) != std::string_view::npos;
      if (!end && !told.refused) continue;
      segment.end();
      break;
    }
    told.trouble = segment.trouble();
    expected = segment.expected();
    if (!lenient && ends_connection(told.trouble)) segment.end();
    return told;
  }

  StreamReader& reader_;
  std::uint32_t next_;
  packet::Datagram datagram_;
};

// A reader that has been there for a while.
inline StreamReader running_reader(const TableLimits& limits = {}) {
  StreamReader reader(limits);
  Client(reader, 0, 1).send("\r\n", kStart);
  return reader;
}

inline Told messages(std::vector<std::string> all) {
  return {std::move(all)};
}

}  // namespace sipward::stream::testing
