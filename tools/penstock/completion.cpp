#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/schema.h"
#include "tools/penstock/console.h"
#include "tools/penstock/help_topics.h"
#include "tools/penstock/options.h"

namespace penstock::cli {
namespace {

constexpr std::array<std::string_view, 3> examples{
    "penstock completion bash > ~/.local/share/bash-completion/completions/penstock",
    "penstock completion zsh > ~/.zfunc/_penstock    # a folder of $fpath",
    "penstock completion fish > ~/.config/fish/completions/penstock.fish",
};
constexpr Usage usage{
    "completion",
    "bash|zsh|fish",
    "A script that completes verbs, options, keys of the workload file and files.",
    examples,
    {},
    1,
    1};

/// A verb with its options and the words that may follow it.
struct Entry {
  std::string_view name;
  std::string_view summary;
  std::vector<Option> options;
  std::vector<std::string_view> words;  ///< empty: files
};

std::vector<const Usage*> usages_of(std::string_view verb) {
  if (verb == "trace") {
    return {&trace_info_usage(), &trace_convert_usage()};
  }
  for (const Usage* one :
       {&calibrate_usage(), &catalog_usage(), &check_usage(), &compare_usage(), &explain_usage(),
        &plan_usage(), &report_usage(), &run_usage(), &schema_usage(), &sweep_usage()}) {
    if (one->verb == verb) {
      return {one};
    }
  }
  return {};
}

void add_options(const Usage& of, std::vector<Option>& options) {
  for (const Option& option : of.options) {
    const bool known = std::any_of(options.begin(), options.end(),
                                   [&](const Option& one) { return one.name == option.name; });
    if (!option.hidden && !known) {
      options.push_back(option);
    }
  }
}

std::vector<Entry> entries() {
  std::vector<Entry> all;
  for (const Verb& verb : verbs()) {
    Entry entry{verb.name, verb.summary, {}, {}};
    for (const Usage* one : usages_of(verb.name)) {
      add_options(*one, entry.options);
    }
    entry.options.push_back({"help", 'h', {}, "this verb's options"});
    if (verb.name == "completion") {
      entry.words = {"bash", "zsh", "fish"};
    } else if (verb.name == "trace") {
      entry.words = {"info", "convert"};
    } else if (verb.name == "catalog") {
      entry.words = {"gpus",        "models",   "engines",    "prices",
                     "list-prices", "profiles", "schedulers", "routers"};
    } else if (verb.name == "help") {
      for (const Topic& topic : topics()) {
        entry.words.push_back(topic.name);
      }
    }
    all.push_back(std::move(entry));
  }
  return all;
}

/// Keys that `--set` and `--vary` take: those that hold a value, outside lists and maps of any
/// name.
std::string settable_keys(const char* separator) {
  std::string keys;
  for (const config::Key& key : config::workload_schema()) {
    if (key.scalar != config::Scalar::none && key.later.empty() &&
        key.path.find_first_of("[*") == std::string_view::npos) {
      keys += fmt::format("{}{}=", keys.empty() ? "" : separator, key.path);
    }
  }
  return keys;
}

bool takes_key(const Option& option) { return option.name == "set" || option.name == "vary"; }
bool takes_file(const Option& option) { return option.value == "FILE" || option.value == "DIR"; }

std::string joined(const std::vector<std::string_view>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

std::string flags(const Entry& entry) {
  std::string all;
  for (const Option& option : entry.options) {
    all += fmt::format("{}--{}", all.empty() ? "" : " ", option.name);
  }
  return all;
}

std::string bash_script() {
  std::string verb_names;
  std::string cases;
  for (const Entry& entry : entries()) {
    verb_names += fmt::format("{}{}", verb_names.empty() ? "" : " ", entry.name);
    cases += fmt::format("    {})\n      flags=\"{}\"\n      words=\"{}\" ;;\n", entry.name,
                         flags(entry), joined(entry.words));
  }
  return fmt::format(R"(# bash completion of penstock; made by `penstock completion bash`.
_penstock() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} flags= words=
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "{}" -- "$cur"))
    return
  fi
  case $prev in
    --set|--vary)
      compopt -o nospace 2>/dev/null
      COMPREPLY=($(compgen -W "{}" -- "$cur"))
      return ;;
  esac
  case ${{COMP_WORDS[1]}} in
{}  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
  elif [[ -n $words && $COMP_CWORD -eq 2 ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  fi
}}
complete -o default -F _penstock penstock
)",
                     verb_names, settable_keys(" "), cases);
}

/// Text inside single quotes and brackets of zsh's _arguments.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else if (c == '[' || c == ']' || c == ':' || c == '\\') {
      out += '\\';
      out += c;
    } else {
      out += c;
    }
  }
  return out;
}

std::string zsh_option(const Option& option) {
  std::string action;
  if (!option.value.empty()) {
    action = fmt::format(":{}:{}", zsh_text(option.value),
                         takes_key(option)    ? "_penstock_keys"
                         : takes_file(option) ? "_files"
                                              : "");
  }
  return fmt::format("        '{}--{}{}[{}]{}' \\\n", option.repeatable ? "*" : "", option.name,
                     option.value.empty() ? "" : "=", zsh_text(option.help), action);
}

std::string zsh_script() {
  std::string verb_lines;
  std::string cases;
  for (const Entry& entry : entries()) {
    verb_lines += fmt::format("    '{}:{}'\n", entry.name, zsh_text(entry.summary));
    cases += fmt::format("    {})\n      _arguments -s \\\n", entry.name);
    for (const Option& option : entry.options) {
      cases += zsh_option(option);
    }
    cases += entry.words.empty()
                 ? std::string("        '*:file:_files' ;;\n")
                 : fmt::format("        '1:word:({})' '*:file:_files' ;;\n", joined(entry.words));
  }
  return fmt::format(R"(#compdef penstock
# zsh completion of penstock; made by `penstock completion zsh`.
_penstock_keys() {{
  compadd -S '' -- {}
}}
_penstock() {{
  local -a verbs
  verbs=(
{}  )
  if (( CURRENT == 2 )); then
    _describe 'verb' verbs
    return
  fi
  local verb=$words[2]
  shift words
  (( CURRENT-- ))
  case $verb in
{}  esac
}}
if [[ $funcstack[1] == _penstock ]]; then
  _penstock "$@"
else
  compdef _penstock penstock
fi
)",
                     settable_keys(" "), verb_lines, cases);
}

std::string fish_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  }
  return out;
}

std::string fish_script() {
  std::string out = "# fish completion of penstock; made by `penstock completion fish`.\n";
  out += fmt::format("function __penstock_keys\n  printf '%s\\n' {}\nend\n", settable_keys(" "));
  for (const Entry& entry : entries()) {
    out += fmt::format("complete -c penstock -n __fish_use_subcommand -f -a {} -d '{}'\n",
                       entry.name, fish_text(entry.summary));
  }
  for (const Entry& entry : entries()) {
    const std::string here =
        fmt::format("complete -c penstock -n '__fish_seen_subcommand_from {}'", entry.name);
    if (!entry.words.empty()) {
      out += fmt::format("{} -f -a '{}'\n", here, joined(entry.words));
    }
    for (const Option& option : entry.options) {
      const std::string letter = option.letter != 0 ? fmt::format(" -s {}", option.letter) : "";
      const char* value = option.value.empty() ? ""
                          : takes_key(option)  ? " -x -a '(__penstock_keys)'"
                          : takes_file(option) ? " -r"
                                               : " -x";
      out += fmt::format("{} -l {}{}{} -d '{}'\n", here, option.name, letter, value,
                         fish_text(option.help));
    }
  }
  return out;
}

}  // namespace

int completion_verb(const Arguments& arguments) {
  const ParsedOptions options = parse_options(usage, arguments);
  if (options.has("help")) {
    print(usage_text(usage));
    return exit_ok;
  }
  const std::string& shell = options.words().front();
  if (shell == "bash") {
    print(bash_script());
  } else if (shell == "zsh") {
    print(zsh_script());
  } else if (shell == "fish") {
    print(fish_script());
  } else {
    throw UsageError("`penstock completion` takes bash, zsh or fish");
  }
  return exit_ok;
}

}  // namespace penstock::cli
