#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "config/load_parts.h"
#include "config/text.h"

namespace penstock::config {

namespace {

/// What a conversation's keys do not go with.
void check_sessions(const Section& klass, const ClassSpec& spec, Reporter& reporter) {
  const Span span = klass.key_span("sessions");
  if (spec.arrivals.process == ArrivalSpec::Process::offline) {
    reporter.error(span, "`sessions` do not go with `process: offline`",
                   "turns wait for each other: they cannot all come at time 0");
  }
  if (spec.arrivals.rescale) {
    reporter.error(span, "`sessions` do not go with `rescale`: the last request is not known");
  }
  if (klass.has("tokens_per_day")) {
    reporter.error(klass.key_span("tokens_per_day"), "`tokens_per_day` does not go with `sessions`",
                   "give the `rate` of new conversations");
  }
}

/// The distribution of `key`, or `otherwise` where it is not given.
LengthSpec tokens_or(const Section& section, std::string_view key, const LengthSpec& otherwise,
                     Reporter& reporter) {
  return section.has(key) ? read_distribution(section, key, Unit::count, reporter) : otherwise;
}

}  // namespace

void load_sessions(const LoadContext& context, const Section& klass, std::int64_t max_model_len,
                   ClassSpec& spec) {
  const Section section = klass.section("sessions");
  if (!section.is_given()) {
    return;
  }
  Reporter& reporter = context.reporter;
  check_sessions(klass, spec, reporter);
  SessionSpec sessions;
  sessions.turns = read_distribution(section, "turns", Unit::count, reporter);
  sessions.think = read_distribution(section, "think", Unit::time, reporter);
  sessions.follow_up = tokens_or(section, "follow_up", spec.input, reporter);
  const Section tools = section.section("tools");
  if (tools.is_given()) {
    sessions.tool_share = tools.number("share").value_or(0);
    sessions.tool_delay = read_distribution(tools, "delay", Unit::time, reporter);
    sessions.tool_result = tokens_or(tools, "result", sessions.follow_up, reporter);
  }
  const Section branches = section.section("branches");
  if (branches.is_given()) {
    sessions.branch_share = branches.number("share").value_or(0);
    sessions.branch_count = read_distribution(branches, "count", Unit::count, reporter);
    sessions.branch_input = read_distribution(branches, "input", Unit::count, reporter);
    sessions.branch_output = tokens_or(branches, "output", spec.output, reporter);
  }
  const std::int64_t longest = max_model_len > 0 ? max_model_len : INT64_MAX;
  sessions.max_context = std::min(section.whole("max_context").value_or(longest), longest);
  spec.sessions = std::move(sessions);
}

}  // namespace penstock::config
