#include "config/settings_file.h"
#include "match/rule_text.h"
#include "operator_calls.h"

namespace sipward::shield {

// Not what the files say now, but what packets are judged by.
Result<json> get_effective(Running& running, const json&) {
  return json{{"rules", match::print_rules(running.rulebook.current().matcher->rules())},
              {"settings", config::print_settings(running.settings)}};
}

}  // namespace sipward::shield
