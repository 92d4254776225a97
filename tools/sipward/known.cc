// sipward known: whose registrations or calls the softswitch accepted.
#include <memory>

#include "arguments.h"
#include "commands.h"
#include "fields.h"
#include "text.h"

namespace sipward::cli {
namespace {

using nlohmann::json;

struct KnownOptions {
  unsigned limit = 1000;
  std::string address;
};

Result<ExitCode> list_known(Session& session, const KnownOptions& options) {
  const auto reply = session.call("KnownList", {{"limit", options.limit}});
  if (!reply) return tl::unexpected(reply.error());
  if (session.out.as_json()) {
    session.out.print_json(*reply);
    return kOk;
  }
  const WallTime now = wall_now();
  Table table({{"address"}, {"since"}, {"left", true}, {"how"}});
  for (const json& known : list_of(*reply, "known"))
    table.add({text_of(known, "address"), relative(text_of(known, "since"), now),
               time_left(text_of(known, "until"), now), text_of(known, "how")});
  if (table.empty()) {
    session.out.note("no source is known");
    return kOk;
  }
  session.out.print(table.render(session.out));
  const auto shown = static_cast<std::int64_t>(list_of(*reply, "known").size());
  if (number_of(*reply, "total") > shown)
    session.out.note(
        fmt::format("the {} that stay known longest, of {}; all of them: sipward known list --limit 0",
                    count(shown), count(number_of(*reply, "total"))));
  return kOk;
}

Result<ExitCode> forget_known(Session& session, const KnownOptions& options) {
  const auto reply = session.call("KnownForget", {{"address", options.address}});
  if (!reply) return tl::unexpected(reply.error());
  if (session.out.as_json())
    session.out.print_json(*reply);
  else
    session.out.print(safe(fmt::format("forgotten: {} ({})", text_of(field(*reply, "forgotten"), "address"),
                                       text_of(field(*reply, "forgotten"), "how"))) +
                      "\n");
  return kOk;
}

}  // namespace

void add_known(CLI::App& app, Run& run) {
  const auto options = std::make_shared<KnownOptions>();
  CLI::App* known = app.add_subcommand("known", "Whose registrations or calls were accepted");
  known->require_subcommand(1);

  CLI::App* list = known->add_subcommand("list", "The known sources, those that stay longest first");
  list->add_option("--limit", options->limit, "How many (default 1000; 0: all)")->option_text("N");
  list->callback(
      [&run, options] { run = [options](Session& session) { return list_known(session, *options); }; });

  CLI::App* forget = known->add_subcommand("forget", "Treat an address like any stranger again");
  forget->add_option("address", options->address, "Address")
      ->required()
      ->transform(is_address())
      ->option_text("ADDRESS");
  forget->callback(
      [&run, options] { run = [options](Session& session) { return forget_known(session, *options); }; });
}

}  // namespace sipward::cli
