#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "config/load_parts.h"

namespace penstock::config {

namespace {

void check_trace_file(const std::string& path, const Span& span, Reporter& reporter) {
  namespace fs = std::filesystem;
  std::error_code error;
  const char* problem = !fs::exists(path, error) ? "there is no such file"
                        // Opening a pipe would wait for its writer, and take from it.
                        : fs::is_regular_file(path, error) && !std::ifstream(path).is_open()
                            ? "it cannot be opened"
                            : nullptr;
  if (problem != nullptr) {
    Diagnostic& d = reporter.error(span, fmt::format("the trace cannot be read: {}", problem));
    d.notes.push_back("looked for " + path);
  }
}

TraceColumns read_columns(const Section& section) {
  TraceColumns columns;
  for (const Member& member : section.members()) {
    if (member.key == "time") {
      columns.time_unit = section.choice("time").value_or(columns.time_unit);
    } else if (const auto name = section.text(member.key)) {
      columns.names.emplace_back(member.key, *name);
    }
  }
  return columns;
}

}  // namespace

TraceSpec read_trace(const LoadContext& context, const Section& section) {
  TraceSpec trace;
  trace.file = section.text("file").value_or("");
  trace.path = resolve_path(context, trace.file, section.span("file"));
  trace.format = section.choice("format").value_or("");
  trace.start = section.time("start").value_or(SimTime{});
  trace.duration = section.time("duration").value_or(SimTime::never());
  if (const auto requests = section.whole("requests")) {
    trace.requests = static_cast<std::uint64_t>(*requests);
  }
  trace.thin = section.number("thin").value_or(1);
  trace.rate_scale = section.number("rate_scale").value_or(1);
  trace.block_tokens = section.whole("block_tokens").value_or(0);
  trace.skip_bad_rows = section.boolean("skip_bad_rows").value_or(false);
  trace.has_arrivals = section.has("rate") || section.has("arrivals");
  const Section columns = section.section("columns");
  if (columns.is_given()) {
    trace.columns = read_columns(columns);
    if (section.has("format")) {
      context.reporter.error(section.key_span("format"),
                             "`columns` say what the file has: `format` does not go with them");
    }
  }
  if (!trace.file.empty()) {
    check_trace_file(trace.path, section.span("file"), context.reporter);
  }
  return trace;
}

}  // namespace penstock::config
