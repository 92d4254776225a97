// A TCP stream in arbitrary chunks: cutting it elsewhere changes nothing, and each frame is what Message
// reads.
#include <vector>

#include "fuzz/properties.h"
#include "fuzz/steps.h"
#include "sip/framer.h"
#include "sip/message.h"

using namespace sipward;
using namespace sipward::fuzz;

namespace {

using Is = sip::Frame::Is;

struct Seen {
  std::size_t at = 0;
  sip::Frame frame;
};

// Follows the frames of a stream as its bytes arrive.
class Stream {
 public:
  explicit Stream(std::string_view whole) : whole_(whole) {}

  void arrive(std::size_t size) {
    arrived_ += size;
    while (!over_ && begin_ < arrived_) {
      const sip::Frame frame = sip::frame_message(whole_.substr(begin_, arrived_ - begin_), progress_);
      progress_ = frame.progress;
      if (frame.is == Is::incomplete) return;
      take(frame);
    }
  }
  [[nodiscard]] const std::vector<Seen>& frames() const { return frames_; }

 private:
  void take(const sip::Frame& frame) {
    frames_.push_back({begin_, frame});
    progress_ = {};
    over_ = frame.is == Is::not_sip;
    if (over_) return;
    must(frame.size > 0 && frame.size <= arrived_ - begin_, "a frame lies inside what has arrived");
    begin_ += frame.size + frame.content_length;
  }

  std::string_view whole_;
  std::vector<Seen> frames_;
  std::size_t arrived_ = 0;
  std::size_t begin_ = 0;
  sip::FrameProgress progress_;
  bool over_ = false;
};

void check_same(const std::vector<Seen>& one, const std::vector<Seen>& other) {
  must(one.size() == other.size(), "the same number of frames however the bytes arrive");
  for (std::size_t i = 0; i < one.size(); ++i) {
    const sip::Frame& a = one[i].frame;
    const sip::Frame& b = other[i].frame;
    must(one[i].at == other[i].at && a.is == b.is && a.size == b.size, "the same frames however they arrive");
    must(a.length == b.length && a.content_length == b.content_length, "the same lengths");
  }
}

void check_message(const Seen& seen, std::string_view stream, sip::Message& message) {
  const sip::Frame& frame = seen.frame;
  const std::string_view bytes = stream.substr(seen.at, frame.size + frame.content_length);
  message.read(bytes);
  must(message.kind() == sip::Kind::request || message.kind() == sip::Kind::response,
       "what is framed as a message is read as one");
  must(frame.length == sip::LengthField::given || frame.content_length == 0, "no length unless it is given");
  if (message.defects().has(sip::Defect::too_many_headers)) return;
  must(!message.defects().has(sip::Defect::unended), "a framed head has its end");
  must((message.find(sip::HeaderName::content_length) == nullptr) ==
           (frame.length == sip::LengthField::missing),
       "both see the same Content-Length");
  must(message.body() == bytes.substr(frame.size), "the body begins where the frame says");
}

void check_not_sip(std::string_view bytes, sip::Message& message) {
  const std::size_t line = bytes.find('\n');
  if (line == std::string_view::npos || line > sip::kStartLineMax) return;
  message.read(bytes);
  must(message.kind() != sip::Kind::request && message.kind() != sip::Kind::response,
       "what is framed as not SIP is not read as SIP");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Chunks chunks(text_of(data, size));
  const std::string_view stream = chunks.stream();
  Stream cut(stream);
  for (auto chunk = chunks.next(); !chunk.empty(); chunk = chunks.next()) cut.arrive(chunk.size());
  Stream whole(stream);
  whole.arrive(stream.size());
  check_same(cut.frames(), whole.frames());

  const Steps steps;
  Stream trickle(stream);
  for (std::size_t i = 0; i < stream.size(); ++i) trickle.arrive(1);
  steps.must_be_linear(stream.size(), 400);
  check_same(trickle.frames(), whole.frames());

  static sip::Message message;
  for (const Seen& seen : whole.frames()) {
    if (seen.frame.is == Is::message) check_message(seen, stream, message);
    if (seen.frame.is == Is::not_sip) check_not_sip(stream.substr(seen.at), message);
  }
  return 0;
}
