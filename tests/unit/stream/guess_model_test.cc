// Any segments in any order, and a receiver that expects any number: it never reads what was not read here.
#include <array>
#include <map>
#include <random>

#include <fmt/format.h>

#include "client.h"
#include "sip/framer.h"

namespace sipward::stream {
namespace {

using namespace testing;  // NOLINT: the client and its messages

constexpr std::string_view kBad = "X: bad\r\n";
constexpr std::array<std::string_view, 10> kPieces{kBad,
                                                   "MESSAGE sip:a SIP/2.0\r\n",
                                                   "OPTIONS sip:a SIP/2.0\r\n",
                                                   "\r\n",
                                                   "SIP/2.0 200 OK\r\n",
                                                   "l: 0\r\n",
                                                   "l: 9\r\n",
                                                   "l: 40\r\n",
                                                   "Y: z\r\n",
                                                   "xyz"};

// The receiver: of two copies of a byte it takes the one that came first, and gives what is in order to a
// reader of messages.
class Receiver {
 public:
  explicit Receiver(std::uint32_t first) : next_(first) {}

  void take(std::uint32_t at, std::string_view bytes) {
    for (const char byte : bytes) bytes_.emplace(at++, byte);
    for (auto it = bytes_.find(next_); it != bytes_.end(); it = bytes_.find(++next_)) unread_ += it->second;
  }
  // Whether a request with the bad header has been read.
  [[nodiscard]] bool is_fooled() {
    for (;;) {
      const sip::Frame frame = sip::frame_message(unread_);
      if (frame.is == sip::Frame::Is::not_sip || frame.is == sip::Frame::Is::incomplete) return false;
      const std::string head = unread_.substr(0, frame.size);
      if (!head.starts_with("SIP/") && head.find("\n" + std::string(kBad)) != std::string::npos) return true;
      const std::size_t size = frame.size + frame.content_length;
      if (size > unread_.size()) return false;
      unread_.erase(0, size);
    }
  }

 private:
  std::uint32_t next_;
  std::map<std::uint32_t, char> bytes_;
  std::string unread_;
};

class Attempt {
 public:
  explicit Attempt(unsigned seed)
      : random_(seed), reader_(running_reader()), receiver_(kFirst + below(120)) {}

  // False: the receiver was fooled.
  bool run() {
    Client client(reader_, kFirst - 1);
    client.refuse = kBad;
    std::uint32_t at = below(100);
    Instant now = kLater;
    for (int i = 0; i < 12; ++i) {
      const std::string bytes = segment();
      now += below(4) == 0 ? std::chrono::seconds(11) : std::chrono::seconds(1);
      const std::uint32_t here = at;
      const Told told = client.at(here, bytes, now);
      log_ += fmt::format("{} {}: {}\n", here, bytes, to_string(told.trouble));
      if (told.trouble == Trouble::none && !told.refused) receiver_.take(kFirst + here, bytes);
      at = below(3) != 0 ? here + static_cast<std::uint32_t>(bytes.size()) : below(200);
    }
    return !receiver_.is_fooled();
  }
  [[nodiscard]] const std::string& log() const { return log_; }

 private:
  static constexpr std::uint32_t kFirst = 0x1000;
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  std::string segment() {
    std::string bytes;
    for (std::uint32_t n = 1 + below(5); n > 0; --n) bytes += kPieces[below(kPieces.size())];
    return below(3) == 0 ? bytes.substr(0, 1 + below(static_cast<std::uint32_t>(bytes.size()))) : bytes;
  }

  std::minstd_rand random_;
  StreamReader reader_;
  Receiver receiver_;
  std::string log_;
};

TEST_CASE("whatever a client sends of a connection that is guessed, its receiver reads nothing unread") {
  for (unsigned seed = 1; seed <= 20'000; ++seed) {
    Attempt attempt(seed);
    const bool safe = attempt.run();
    CAPTURE(seed, attempt.log());
    REQUIRE(safe);
  }
}

}  // namespace
}  // namespace sipward::stream
