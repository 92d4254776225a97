// The text of a configuration file: refused with its place, or settings that print and read back the same.
#include "config/settings_file.h"
#include "fuzz/properties.h"

using namespace sipward;
using namespace sipward::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto settings = config::parse_settings(text_of(data, size), "fuzz.toml");
  if (!settings) {
    must(settings.error().kind == ErrorKind::invalid, "a wrong file is invalid");
    must(!settings.error().text.empty(), "an error says something");
    must(each_line_names(settings.error().text, "fuzz.toml"),
         "each error names the file:", settings.error().text);
    return 0;
  }
  const std::string printed = config::print_settings(*settings);
  const auto again = config::parse_settings(printed, "printed.toml");
  must(again.has_value(), "what is printed is accepted:", again ? "" : again.error().text);
  must(config::print_settings(*again) == printed, "settings print the same after reading them back");
  return 0;
}
