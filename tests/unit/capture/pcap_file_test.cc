#include "capture/pcap_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/handle.h"
#include "capture_files.h"
#include "support/catch.h"
#include "support/temporary_folder.h"

using namespace sipward;
using namespace sipward::capture;
using namespace sipward::test;

namespace {

constexpr std::int64_t kTime_ns = 1'700'000'000'123'456'789;

std::vector<CapturedFrame> two_frames() {
  return {{kTime_ns, udp_packet("one")},
          {kTime_ns + 5'000'000'000, udp_packet("two, longer", "2001:db8::7"), 1500}};
}

// Keeps the bytes, which the next frame overwrites.
struct Kept {
  std::int64_t time_ns;
  Packet bytes;
  std::uint32_t original_length;
  bool cut;
};

struct Read {
  std::vector<Kept> frames;
  std::string error;
  std::string link_name;
};

Read read_all(const std::filesystem::path& path) {
  Read read;
  auto file = PcapFile::open(path);
  if (!file) return {{}, file.error().text, ""};
  read.link_name = file->link_name();
  for (;;) {
    const auto frame = file->next();
    if (!frame) read.error = frame.error().text;
    if (!frame || !*frame) return read;
    read.frames.push_back({(*frame)->time.time_since_epoch().count(),
                           Packet((*frame)->bytes.begin(), (*frame)->bytes.end()), (*frame)->original_length,
                           (*frame)->is_cut()});
  }
}

class Folder {
 public:
  std::filesystem::path write(const Packet& bytes) {
    const auto path = folder_ / "capture";
    write_file(path, bytes);
    return path;
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("pcap and pcapng of both byte orders and resolutions give the same frames") {
  struct Form {
    const char* what;
    Packet bytes;
    std::int64_t resolution_ns;
    std::string link_name = "RAW";
  };
  const auto frames = two_frames();
  std::vector<Form> forms;
  for (const bool big : {false, true}) {
    forms.push_back({"pcap, microseconds", make_pcap(frames, {.big_endian = big}), 1000});
    forms.push_back({"pcap, nanoseconds", make_pcap(frames, {.big_endian = big, .nanoseconds = true}), 1});
    forms.push_back({"pcapng", make_pcapng(frames, {101}, big), 1});
    forms.push_back({"pcapng, two interfaces", make_pcapng(frames, {113, 113}, big), 1, "LINUX_SLL"});
  }
  Folder folder;
  for (const Form& form : forms) {
    INFO(form.what);
    const Read read = read_all(folder.write(form.bytes));
    CHECK(read.error == "");
    CHECK(read.link_name == form.link_name);
    REQUIRE(read.frames.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(read.frames[i].time_ns == frames[i].time_ns / form.resolution_ns * form.resolution_ns);
      CHECK(read.frames[i].bytes == frames[i].bytes);
    }
    CHECK_FALSE(read.frames[0].cut);
    CHECK(read.frames[1].cut);
    CHECK(read.frames[1].original_length == 1500);
  }
}

TEST_CASE("a file that breaks off gives what it has, and then says so") {
  Folder folder;
  for (const Packet& whole : {make_pcap(two_frames()), make_pcapng(two_frames())}) {
    for (const std::size_t missing : {1U, 40U}) {
      Packet cut = whole;
      cut.resize(whole.size() - missing);
      const auto path = folder.write(cut);
      const Read read = read_all(path);
      CHECK(read.frames.size() == 1);
      CHECK_THAT(read.error, ContainsSubstring(path.string()) && ContainsSubstring("truncated") &&
                                 ContainsSubstring("after 1 packets"));
    }
  }
}

TEST_CASE("a capture without packets is one") {
  Folder folder;
  for (const Packet& empty : {make_pcap({}), make_pcapng({})}) {
    const Read read = read_all(folder.write(empty));
    CHECK(read.error.empty());
    CHECK(read.frames.empty());
  }
}

TEST_CASE("what is no capture is refused in libpcap's words, with the file's name") {
  Folder folder;
  for (const std::string_view text :
       {"", "x", "this is a text and no capture at all, whatever its name may say"}) {
    Packet bytes;
    append(bytes, text);
    const auto path = folder.write(bytes);
    const auto file = PcapFile::open(path);
    REQUIRE_FALSE(file.has_value());
    CHECK(file.error().kind == ErrorKind::invalid);
    CHECK_THAT(file.error().text, ContainsSubstring(path.string() + ": "));
  }
}

TEST_CASE("interfaces of different link types: libpcap's refusal is told") {
  Folder folder;
  const Read read = read_all(folder.write(make_pcapng(two_frames(), {101, 1})));
  CHECK_THAT(read.error, ContainsSubstring("capture: ") && ContainsSubstring("different"));
  CHECK(read.frames.size() < 2);
}

TEST_CASE("a file that is not there, and one that is a folder") {
  CHECK(PcapFile::open("/nowhere/capture.pcap").error().kind == ErrorKind::not_found);
  CHECK_THAT(PcapFile::open("/nowhere/capture.pcap").error().text,
             ContainsSubstring("/nowhere/capture.pcap"));
  CHECK_FALSE(PcapFile::open("/").has_value());
}

TEST_CASE("standard input, which stays open") {
  Folder folder;
  const auto path = folder.write(make_pcap(two_frames()));
  const Fd saved(::dup(0));
  {
    const Fd input(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(::dup2(input.get(), 0) == 0);
  }
  CHECK(read_all("-").frames.size() == 2);
  CHECK(::fcntl(0, F_GETFD) >= 0);
  REQUIRE(::dup2(saved.get(), 0) == 0);
}

TEST_CASE("a time that no calendar has is held within bounds") {
  Folder folder;
  Packet bytes = make_pcapng({{-1, udp_packet("x")}});
  const Read read = read_all(folder.write(bytes));
  REQUIRE(read.frames.size() == 1);
  CHECK(read.frames[0].time_ns > 0);
  CHECK(read.frames[0].time_ns <= 8'000'000'000'999'999'999);
}
