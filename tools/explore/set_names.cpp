#include "tools/explore/set_names.h"

#include <charconv>
#include <string_view>

namespace penstock::explore {

std::size_t set_number(const Diagnostic& diagnostic) {
  constexpr std::string_view prefix = "--set[";
  const std::string& file = diagnostic.file;
  std::size_t number = 0;
  if (file.starts_with(prefix)) {
    std::from_chars(file.data() + prefix.size(), file.data() + file.size(), number);
  }
  return number;
}

Diagnostics with_set_names(Diagnostics diagnostics, std::size_t own,
                           const std::vector<std::string>& names) {
  for (Diagnostic& d : diagnostics) {
    const std::size_t number = set_number(d);
    if (number > own && number - own <= names.size()) {
      d.file = names[number - own - 1];
    }
  }
  return diagnostics;
}

}  // namespace penstock::explore
