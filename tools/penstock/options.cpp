#include "tools/penstock/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>

#include "config/text.h"

namespace penstock::cli {
namespace {

namespace po = boost::program_options;

constexpr const char* words_key = " words";  // no option can be called that

po::options_description describe(const Usage& usage) {
  po::options_description description;
  description.add_options()("help,h", "")(words_key, po::value<std::vector<std::string>>());
  for (const Option& option : usage.options) {
    std::string names(option.name);
    if (option.letter != 0) {
      names += ',';
      names += option.letter;
    }
    if (option.value.empty()) {
      description.add_options()(names.c_str(), "");
    } else {
      description.add_options()(names.c_str(), po::value<std::vector<std::string>>());
    }
  }
  return description;
}

std::string help_hint(const Usage& usage) {
  return fmt::format("see `penstock {} --help`", usage.verb);
}

[[noreturn]] void fail_unknown(const Usage& usage, std::string name) {
  name.erase(0, name.find_first_not_of('-'));
  name.erase(std::min(name.find('='), name.size()));
  std::vector<std::string_view> candidates{"help"};
  for (const Option& option : usage.options) {
    if (!option.hidden) {
      candidates.push_back(option.name);
    }
  }
  const std::vector<std::string_view> near = config::nearest_names(name, candidates, 1);
  throw UsageError(
      fmt::format("`penstock {}` has no option `{}{}`", usage.verb, name.size() > 1 ? "--" : "-",
                  config::excerpt(name)),
      near.empty() ? help_hint(usage) : fmt::format("did you mean `--{}`?", near.front()));
}

po::basic_parsed_options<char> parse(const Usage& usage, const po::options_description& description,
                                     const Arguments& arguments) {
  po::positional_options_description words;
  words.add(words_key, -1);
  const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  try {
    return po::command_line_parser(arguments)
        .options(description)
        .positional(words)
        .style(style)
        .run();
  } catch (const po::unknown_option& error) {
    fail_unknown(usage, error.get_option_name());
  } catch (const po::invalid_command_line_syntax& error) {
    throw UsageError(error.what(), help_hint(usage));
  } catch (const po::error& error) {
    throw UsageError(error.what(), help_hint(usage));
  }
}

const Option* find_option(const Usage& usage, std::string_view name) {
  const auto found = std::find_if(usage.options.begin(), usage.options.end(),
                                  [name](const Option& option) { return option.name == name; });
  return found == usage.options.end() ? nullptr : &*found;
}

void check_words(const Usage& usage, std::size_t given) {
  if (given < usage.min_words) {
    throw UsageError(fmt::format("`penstock {}` needs {}", usage.verb,
                                 usage.synopsis.substr(0, usage.synopsis.find(' '))),
                     fmt::format("usage: penstock {} {}", usage.verb, usage.synopsis));
  }
  if (given > usage.max_words) {
    throw UsageError(fmt::format("`penstock {}` takes at most {} argument{}, not {}", usage.verb,
                                 usage.max_words, usage.max_words == 1 ? "" : "s", given),
                     fmt::format("usage: penstock {} {}", usage.verb, usage.synopsis));
  }
}

}  // namespace

bool ParsedOptions::has(std::string_view name) const { return value(name).has_value(); }

std::optional<std::string> ParsedOptions::value(std::string_view name) const {
  for (const auto& [key, text] : given_) {
    if (key == name) {
      return text;
    }
  }
  return std::nullopt;
}

std::vector<std::string> ParsedOptions::values(std::string_view name) const {
  std::vector<std::string> all;
  for (const auto& [key, text] : given_) {
    if (key == name) {
      all.push_back(text);
    }
  }
  return all;
}

ParsedOptions parse_options(const Usage& usage, const Arguments& arguments) {
  const po::options_description description = describe(usage);
  const po::basic_parsed_options<char> raw = parse(usage, description, arguments);
  ParsedOptions parsed;
  for (const po::basic_option<char>& option : raw.options) {
    if (option.string_key == words_key) {
      parsed.words_.insert(parsed.words_.end(), option.value.begin(), option.value.end());
      continue;
    }
    const Option* known = find_option(usage, option.string_key);
    if (known != nullptr && !known->repeatable && parsed.has(option.string_key)) {
      throw UsageError(fmt::format("--{} is given twice", option.string_key), help_hint(usage));
    }
    parsed.given_.emplace_back(option.string_key,
                               option.value.empty() ? std::string() : option.value.front());
  }
  if (!parsed.has("help")) {
    check_words(usage, parsed.words_.size());
  }
  return parsed;
}

std::string usage_text(const Usage& usage) {
  std::string text =
      fmt::format("{}\n\nusage: penstock {} {}\n", usage.about, usage.verb, usage.synopsis);
  for (const std::string_view example : usage.examples) {
    text +=
        fmt::format("{}  {}\n", example == usage.examples.front() ? "\nexamples:\n" : "", example);
  }
  text += "\noptions:\n";
  const auto line = [&text](char letter, std::string_view name, std::string_view value,
                            std::string_view help) {
    const std::string option =
        fmt::format("{}--{}{}{}", letter != 0 ? fmt::format("-{}, ", letter) : "    ", name,
                    value.empty() ? "" : " ", value);
    text += fmt::format("  {:<26}  {}\n", option, help);
  };
  for (const Option& option : usage.options) {
    if (!option.hidden) {
      line(option.letter, option.name, option.value, option.help);
    }
  }
  line('h', "help", "", "this text");
  return text;
}

std::string choose(const ParsedOptions& options, std::string_view name,
                   std::span<const std::string_view> choices) {
  const std::optional<std::string> given = options.value(name);
  if (!given) {
    return std::string(choices.front());
  }
  if (std::find(choices.begin(), choices.end(), *given) == choices.end()) {
    throw UsageError(fmt::format("--{} takes {}, not `{}`", name, config::list_of_names(choices),
                                 config::excerpt(*given)),
                     config::did_you_mean(*given, choices));
  }
  return *given;
}

}  // namespace penstock::cli
