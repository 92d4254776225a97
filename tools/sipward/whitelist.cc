// sipward whitelist: whom the shield leaves alone.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "arguments.h"
#include "base/file.h"
#include "commands.h"
#include "control/whitelist_net.h"
#include "fields.h"
#include "text.h"
#include "whitelist_file.h"

namespace sipward::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kFileSizeMax = 16U << 20U;

struct WhitelistOptions {
  std::string net;
  std::string address;
  std::string comment;
  std::string duration;
  std::string source_class = "trusted";
  std::string file;
};

std::string entry_line(const json& entry) {
  const std::string comment = text_of(entry, "comment");
  const std::string expires = text_of(entry, "expires");
  return safe(fmt::format("{} ({}{}{})", text_of(entry, "net"), text_of(entry, "class"),
                          expires.empty() ? "" : ", " + time_left(expires, wall_now()) + " left",
                          comment.empty() ? "" : ", " + comment));
}

std::string entries_table(const Output& out, const json& reply) {
  const WallTime now = wall_now();
  Table table({{"net"}, {"class"}, {"added"}, {"left"}, {"origin"}, {"comment"}});
  for (const json& entry : list_of(reply, "entries")) {
    const std::string expires = text_of(entry, "expires");
    table.add({text_of(entry, "net"), text_of(entry, "class"), relative(text_of(entry, "created"), now),
               expires.empty() ? "for ever" : time_left(expires, now), text_of(entry, "origin"),
               text_of(entry, "comment")});
  }
  return table.empty() ? "" : table.render(out);
}

Result<ExitCode> list_whitelist(Session& session, const WhitelistOptions&) {
  const auto reply = session.call("WhitelistList");
  if (!reply) return tl::unexpected(reply.error());
  if (session.out.as_json())
    session.out.print_json(*reply);
  else if (list_of(*reply, "entries").empty())
    session.out.note("the whitelist is empty");
  else
    session.out.print(entries_table(session.out, *reply));
  return kOk;
}

std::string lifted_lines(const json& reply) {
  std::string text;
  for (const std::string& net : texts_of(reply, "lifted"))
    text += fmt::format("lifted the ban of {}\n", safe(net));
  return text;
}

Result<ExitCode> add_entry(Session& session, const WhitelistOptions& options) {
  if (const auto allowed = control::check_whitelist_net(Prefix::parse(options.net).value()); !allowed)
    return tl::unexpected(allowed.error());
  const auto reply = session.call("WhitelistAdd", {{"net", options.net},
                                                   {"class", options.source_class},
                                                   {"comment", options.comment},
                                                   {"for_ms", duration_ms(options.duration)}});
  if (!reply) return tl::unexpected(reply.error());
  if (session.out.as_json())
    session.out.print_json(*reply);
  else
    session.out.print(fmt::format("{} {}\n{}", flag_of(*reply, "updated") ? "updated" : "whitelisted",
                                  entry_line(field(*reply, "entry")), lifted_lines(*reply)));
  return kOk;
}

Result<ExitCode> remove_entry(Session& session, const WhitelistOptions& options) {
  const auto reply = session.call("WhitelistRemove", {{"net", options.net}});
  if (!reply && reply.error().kind == ErrorKind::not_found)
    return fail(ErrorKind::not_found,
                "{} is not in the whitelist; what covers it: sipward whitelist check {}", options.net,
                Prefix::parse(options.net).value().base().to_string());
  if (!reply) return tl::unexpected(reply.error());
  if (session.out.as_json())
    session.out.print_json(*reply);
  else
    session.out.print(fmt::format("removed {}\n", entry_line(field(*reply, "entry"))));
  return kOk;
}

Result<ExitCode> check_entry(Session& session, const WhitelistOptions& options) {
  const auto reply = session.call("WhitelistCheck", {{"address", options.address}});
  if (!reply) return tl::unexpected(reply.error());
  const bool is_covered = flag_of(*reply, "covered");
  if (session.out.as_json())
    session.out.print_json(*reply);
  else if (is_covered)
    session.out.print(entries_table(session.out, *reply));
  else
    session.out.print(fmt::format("{} is not whitelisted\n", options.address));
  return is_covered ? kOk : kNotFound;
}

// Always CSV, whatever --output says: a backup is a file that import reads.
Result<ExitCode> export_whitelist(Session& session, const WhitelistOptions&) {
  const auto reply = session.call("WhitelistList");
  if (!reply) return tl::unexpected(reply.error());
  std::string text = "# net,expires,comment,class\n";
  for (const json& entry : list_of(*reply, "entries")) text += whitelist_line(entry);
  session.out.print(text);
  return kOk;
}

Result<std::string> read_stdin() {
  std::string content;
  std::array<char, 65536> chunk;  // NOLINT: filled by read
  for (;;) {
    const ssize_t n = ::read(STDIN_FILENO, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(errno, "cannot read stdin");
    if (n == 0) return content;
    content.append(chunk.data(), static_cast<std::size_t>(n));
    if (content.size() > kFileSizeMax)
      return fail(ErrorKind::invalid, "stdin has more than {} bytes", kFileSizeMax);
  }
}

// What became of an import.
struct Tally {
  unsigned added = 0;
  unsigned updated = 0;
  json lifted = json::array();
  json failed = json::array();  // {net, line, text}
  Error first_error;

  [[nodiscard]] unsigned done() const { return added + updated; }
};

// `unreachable` ends it: the entries that follow would fail alike.
void import_line(Session& session, const WhitelistLine& line, Tally& tally) {
  const json for_ms = line.duration ? json(line.duration->count()) : json(nullptr);
  const auto reply = session.call("WhitelistAdd", {{"net", line.net.to_string()},
                                                   {"class", line.source_class},
                                                   {"comment", line.comment},
                                                   {"for_ms", for_ms}});
  if (!reply) {
    if (tally.failed.empty()) tally.first_error = reply.error();
    tally.failed.push_back(
        {{"net", line.net.to_string()}, {"line", line.number}, {"text", reply.error().text}});
    return;
  }
  ++(flag_of(*reply, "updated") ? tally.updated : tally.added);
  for (const json& net : list_of(*reply, "lifted")) tally.lifted.push_back(net);
}

void report_import(Session& session, const Tally& tally, const WhitelistFile& file, const std::string& name) {
  for (const json& failure : tally.failed)
    session.out.note(fmt::format("{}:{}: {}", name, number_of(failure, "line"), text_of(failure, "text")));
  if (session.out.as_json()) {
    session.out.print_json({{"added", tally.added},
                            {"updated", tally.updated},
                            {"expired", file.expired.size()},
                            {"lifted", tally.lifted},
                            {"failed", tally.failed}});
    return;
  }
  session.out.print(fmt::format("{} added, {} updated, {} expired, {} failed\n{}", tally.added, tally.updated,
                                file.expired.size(), tally.failed.size(),
                                lifted_lines({{"lifted", tally.lifted}})));
}

Result<ExitCode> refuse_file(Session& session, const WhitelistFile& file) {
  bool is_policy = true;
  for (const Error& error : file.errors) {
    session.out.note(error.text);
    is_policy = is_policy && error.kind == ErrorKind::refused;
  }
  return fail(is_policy ? ErrorKind::refused : ErrorKind::invalid, "{} wrong lines, nothing was changed",
              file.errors.size());
}

Result<ExitCode> import_whitelist(Session& session, const WhitelistOptions& options) {
  const std::string name = options.file == "-" ? "stdin" : options.file;
  const auto content = options.file == "-" ? read_stdin() : read_file(options.file, kFileSizeMax);
  if (!content) return tl::unexpected(content.error());
  const WhitelistFile file = read_whitelist(*content, name, wall_now());
  if (!file.errors.empty()) return refuse_file(session, file);
  for (const std::string& text : file.expired) session.out.note(text);
  Tally tally;
  for (const WhitelistLine& line : file.lines) {
    import_line(session, line, tally);
    if (tally.first_error.kind == ErrorKind::unreachable) break;
  }
  // Nothing done and something failed: that failure is the answer. Otherwise the tally is.
  if (tally.done() == 0 && !tally.failed.empty()) return tl::unexpected(tally.first_error);
  report_import(session, tally, file, name);
  return tally.failed.empty() ? kOk : kPartial;
}

using Action = Result<ExitCode> (*)(Session&, const WhitelistOptions&);

CLI::App* declare(CLI::App& whitelist, Run& run, const std::shared_ptr<WhitelistOptions>& options,
                  const char* name, const char* summary, Action action) {
  CLI::App* command = whitelist.add_subcommand(name, summary);
  command->callback([&run, options, action] {
    run = [options, action](Session& session) { return action(session, *options); };
  });
  return command;
}

void add_net(CLI::App& command, WhitelistOptions& options) {
  command.add_option("net", options.net, "Address or net: 192.0.2.9, 192.0.2.0/24, 2001:db8::/64")
      ->required()
      ->transform(is_net())
      ->option_text("NET");
}

}  // namespace

void add_whitelist(CLI::App& app, Run& run) {
  const auto options = std::make_shared<WhitelistOptions>();
  CLI::App* whitelist = app.add_subcommand("whitelist", "Whom the shield leaves alone");
  whitelist->require_subcommand(1);

  CLI::App* add =
      declare(*whitelist, run, options, "add", "Trust an address or net; bans of it are lifted", add_entry);
  add_net(*add, *options);
  add->add_option("--comment", options->comment, "Whose it is")->check(is_printable())->option_text("TEXT");
  add->add_option("--for", options->duration, "How long: 30d, 4h (default: for ever)")
      ->check(is_duration())
      ->option_text("DURATION");
  add->add_option("--class", options->source_class,
                  "trusted: never read (default); peer: read, any method, never banned")
      ->check(CLI::IsMember({"trusted", "peer"}))
      ->option_text("trusted|peer");
  add->footer(
      "Nets wider than /8 (IPv4) and /16 (IPv6) are refused; to let everything pass: sipward mode observe");

  add_net(*declare(*whitelist, run, options, "remove", "Trust it no more", remove_entry), *options);
  declare(*whitelist, run, options, "list", "All entries", list_whitelist);

  CLI::App* check = declare(*whitelist, run, options, "check",
                            "Is an address covered, and by what? Exit code 4 when not", check_entry);
  check->add_option("address", options->address, "Address")
      ->required()
      ->transform(is_address())
      ->option_text("ADDRESS");

  CLI::App* import = declare(*whitelist, run, options, "import",
                             "Add the entries of a file: nothing if any line is wrong", import_whitelist);
  import
      ->add_option("file", options->file, "CSV lines net[,expires-or-duration[,comment[,class]]]; - is stdin")
      ->required()
      ->option_text("FILE");
  declare(*whitelist, run, options, "export", "Write what import reads", export_whitelist);
}

}  // namespace sipward::cli
