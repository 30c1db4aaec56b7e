#include "workloads/trace.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>
#include <vector>

#include "sim/core/assert.h"
#include "workloads/csv.h"
#include "workloads/limits.h"
#include "workloads/servegen.h"
#include "workloads/trace_input.h"

namespace penstock {
namespace {

constexpr std::array formats{
    TraceFormat{"azure", "Azure LLM inference CSV: TIMESTAMP, ContextTokens, GeneratedTokens",
                recognises_azure, open_azure},
    TraceFormat{"vidur", "Vidur, Sarathi CSV: num_prefill_tokens, num_decode_tokens, [arrived_at]",
                recognises_vidur, open_vidur},
    TraceFormat{"splitwise-sim", "splitwise-sim CSV: arrival_timestamp, prompt_size, token_size",
                recognises_splitwise_sim, open_splitwise_sim},
    TraceFormat{"burstgpt", "BurstGPT CSV: Timestamp, Request tokens, Response tokens",
                recognises_burstgpt, open_burstgpt},
    TraceFormat{"inference-sim", "inference-sim TraceV2 CSV: arrival_time_us, input_tokens, ...",
                recognises_inference_sim, open_inference_sim},
    TraceFormat{"csv", "CSV: input_tokens, output_tokens, [arrival_s], [session_id], ...",
                recognises_csv, open_csv},
    TraceFormat{"bailian", "Qwen-Bailian JSONL: chat_id, timestamp, input_length, output_length",
                recognises_bailian, open_bailian},
    TraceFormat{"mooncake", "Mooncake, AIPerf, Dynamo JSONL: input_length, output_length, ...",
                recognises_mooncake, open_mooncake},
    TraceFormat{"llmservingsim", "LLMServingSim JSONL: input_toks, output_toks, or sub_requests",
                recognises_llmservingsim, open_llmservingsim},
    TraceFormat{"jsonl", "JSONL: input_tokens, output_tokens, [arrival_s], [hash_ids], ...",
                recognises_jsonl, open_jsonl},
    TraceFormat{"sharegpt", "ShareGPT JSON: conversations[{from, value}], lengths estimated",
                recognises_sharegpt, open_sharegpt},
};

constexpr TraceFormat named_format{"named columns", "CSV or JSONL with columns as given", nullptr,
                                   open_named};
constexpr TraceFormat servegen_format{"servegen", "a ServeGen folder: one process for each client",
                                      nullptr, nullptr};

constexpr const char* empty_file = "the trace is an empty file";

/// Single-character edits that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::vector<std::string> known_formats() {
  std::vector<std::string> notes;
  notes.reserve(formats.size());
  for (const TraceFormat& format : formats) {
    notes.push_back("known format `" + std::string(format.name) +
                    "`: " + std::string(format.description));
  }
  return notes;
}

/// What else the file may be.
std::string guess(std::string_view head, std::string_view line) {
  if (head.starts_with("\x28\xB5\x2F\xFD")) {
    return "the file is packed with zstd: unpack it first";
  }
  if (head.starts_with("PK\x03\x04")) {
    return "the file is a zip archive: unpack it first";
  }
  if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF")) {
    return "the file is UTF-16: save it as UTF-8";
  }
  if (head.size() > 262 && head.substr(257, 5) == "ustar") {
    return "the file is a tar archive: unpack it first";
  }
  return separator_hint(line);
}

void report_unknown_content(LineReader& lines, ErrorLog& errors) {
  std::vector<std::string> notes = known_formats();
  const std::string head(lines.head().substr(0, 512));
  if (!lines.next()) {
    report_unread_lines(lines, errors);
    if (errors.empty()) {  // nothing but a byte order mark
      errors.add(Diagnostic::Kind::input, empty_file);
    }
    return;
  }
  const std::string_view line = lines.line();
  const std::string hint = guess(head, line);
  if (!hint.empty()) {
    notes.insert(notes.begin(), hint);
  }
  errors.add({line, 1, 0, line.size()},
             "not a trace in a known format: the first line is " + quoted(line), {},
             std::move(notes));
}

}  // namespace

std::span<const TraceFormat> trace_formats() { return formats; }

const TraceFormat* find_trace_format(std::string_view name) {
  const auto* const found =
      std::find_if(formats.begin(), formats.end(),
                   [&](const TraceFormat& format) { return format.name == name; });
  return found == formats.end() ? nullptr : found;
}

Diagnostic unknown_trace_format(std::string_view name) {
  constexpr std::size_t max_slips = 2;
  Diagnostic d;
  d.message = "workload.trace.format: there is no trace format " + quoted(name);
  name = name.substr(0, 64);
  for (const TraceFormat& format : formats) {
    if (edit_distance(name, format.name) <= max_slips) {
      d.notes.push_back("did you mean `" + std::string(format.name) + "`?");
    }
  }
  for (std::string& note : known_formats()) {
    d.notes.push_back(std::move(note));
  }
  return d;
}

bool TraceReader::next(TraceRow& row) {
  while (true) {
    row = {};
    switch (read(row)) {
      case Outcome::end:
        return false;
      case Outcome::bad:
        ++bad_rows_;
        break;
      case Outcome::row:
        if (row.input_tokens > 0 && row.output_tokens > 0) {
          return true;
        }
        ++empty_rows_;
        break;
    }
  }
}

OpenedTrace open_trace(LineReader lines, const TraceOptions& options, ErrorLog& errors) {
  if (report_unread_lines(lines, errors)) {
    return {};
  }
  if (lines.head().empty()) {
    errors.add(Diagnostic::Kind::input, empty_file);
    return {};
  }
  const TraceFormat* format = options.columns != nullptr ? &named_format : options.format;
  if (format == nullptr) {
    const auto* const found = std::find_if(
        formats.begin(), formats.end(),
        [&](const TraceFormat& candidate) { return candidate.recognises(lines.head()); });
    if (found == formats.end()) {
      report_unknown_content(lines, errors);
      PENSTOCK_ASSERT(!errors.empty());
      return {};
    }
    format = found;
  }
  return {format->open(std::move(lines), options, errors), format};
}

OpenedTrace open_trace(const TraceInput& input, const TraceOptions& options, ErrorLog& errors) {
  const bool wants_folder = options.format == &servegen_format;
  if (!input.is_folder() && !wants_folder) {
    return open_trace(LineReader(input.open()), options, errors);
  }
  if (!input.is_folder() || (options.format != nullptr && !wants_folder) ||
      options.columns != nullptr) {
    errors.add(
        Diagnostic::Kind::input,
        "the trace is a folder: of clients, as ServeGen has them, not a file of this format");
    return {};
  }
  return {open_servegen(input.path(), options, errors), &servegen_format};
}

bool report_unread_lines(const LineReader& lines, ErrorLog& errors) {
  if (!lines.read_failure().empty()) {
    errors.add(Diagnostic::Kind::io, "cannot read the trace: " + lines.read_failure());
  }
  if (lines.line_too_long()) {
    errors.add({{}, lines.number() + 1, 0, 0}, "the line is longer than " +
                                                   grouped(lines.most_bytes()) +
                                                   " bytes: the file is no text, or no trace");
  }
  return !lines.read_failure().empty() || lines.line_too_long();
}

}  // namespace penstock
