#include <fmt/format.h>

#include <algorithm>

#include "config/quantity.h"
#include "config/schema.h"
#include "config/text.h"
#include "tools/penstock/console.h"
#include "tools/penstock/help_topics.h"
#include "tools/penstock/options.h"

namespace penstock::cli {
namespace {

std::string overview() {
  std::string text =
      "penstock simulates LLM serving: a YAML workload in, latency, throughput and cost per token "
      "out.\n"
      "\n"
      "  penstock run workloads/chat.yaml                        one simulation, one screen\n"
      "  penstock run workloads/chat.yaml --set cluster.replicas=4 --format json\n"
      "\n"
      "verbs:\n";
  for (const Verb& verb : verbs()) {
    text += fmt::format("  {:<10}  {}\n", verb.name, verb.summary);
  }
  text += "\ntopics (penstock help TOPIC):\n";
  for (const Topic& topic : topics()) {
    text += fmt::format("  {:<10}  {}\n", topic.name, topic.summary);
  }
  text +=
      "  TERM        any term of the output: ttft, goodput, mfu, phase, kv_read_prompt, ...\n"
      "\n"
      "`penstock VERB --help` lists a verb's options.\n";
  return text;
}

std::string workload_page() {
  std::string text =
      "Keys of the workload file. Everything is strict: an unknown key is an error.\n\n";
  for (const config::Key& key : config::workload_schema()) {
    std::string doc(key.doc);
    if (!key.choices.empty()) {
      std::string choices(key.choices);
      std::replace(choices.begin(), choices.end(), '|', ' ');
      doc += fmt::format("{}({})", doc.empty() ? "" : " ", choices);
    }
    if (!key.by_default.empty()) {
      doc += fmt::format("; default {}", key.by_default);
    }
    if (!key.later.empty()) {
      doc += fmt::format("; not built yet: {}", key.later);
    }
    text += fmt::format("  {:<36}  {}\n", key.path, doc);
  }
  return text;
}

std::string page_of(const std::string& name) {
  const auto topic = std::find_if(topics().begin(), topics().end(),
                                  [&name](const Topic& t) { return t.name == name; });
  if (topic != topics().end()) {
    return topic->name == "workload" ? workload_page() : std::string(topic->text);
  }
  std::string key = config::to_lower(name);
  std::replace(key.begin(), key.end(), '-', '_');
  for (const Term& term : terms()) {
    if (term.name == key) {
      return fmt::format("{}\n\n{}\n", term.name, term.definition);
    }
  }
  for (const Verb& verb : verbs()) {
    if (verb.name == name && name != "help") {
      verb.run({"--help"});
      return "";
    }
  }
  std::vector<std::string_view> candidates;
  for (const Topic& t : topics()) {
    candidates.push_back(t.name);
  }
  for (const Term& term : terms()) {
    candidates.push_back(term.name);
  }
  for (const Verb& verb : verbs()) {
    candidates.push_back(verb.name);
  }
  const std::string hint = config::did_you_mean(name, candidates, 3);
  throw UsageError(fmt::format("no help about `{}`", config::excerpt(name)),
                   hint.empty() ? "`penstock help` lists the topics" : hint);
}

}  // namespace

int help_verb(const Arguments& arguments) {
  static constexpr Usage usage{"help", "[TOPIC]", "Help.", {}, {}, 0, 1};
  const ParsedOptions options = parse_options(usage, arguments);
  if (options.words().empty() || options.has("help")) {
    print(overview());
  } else {
    print(page_of(options.words().front()));
  }
  return exit_ok;
}

}  // namespace penstock::cli
