#include "tools/penstock/trace_writer.h"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>

#include "tools/output/text.h"

namespace penstock::cli {
namespace {

constexpr std::size_t piece_bytes = std::size_t{1} << 18;

/// `STREAM:FIRST+TOKENS`, for each span.
std::string content_text(std::span<const ContentSpan> content) {
  std::string text;
  for (const ContentSpan& span : content) {
    text +=
        fmt::format("{}{}:{}+{}", text.empty() ? "" : " ", span.stream, span.first, span.tokens);
  }
  return text;
}

/// A row as `name value` pairs, in the order of the columns.
template <typename Put>
void put_fields(const TraceRow& row, const TraceScan& scan, Put put) {
  if (scan.has_times) {
    put(scan.starts_at_zero ? "time_s" : "arrival_s", output::exact_seconds(row.time.ps), false);
  }
  put("input_tokens", std::to_string(row.input_tokens), false);
  put("output_tokens", std::to_string(row.output_tokens), false);
  if (scan.has_sessions) {
    put("session_id", std::string(row.session), true);
  }
  if (scan.has_delays) {
    put("delay_s",
        row.delay == SimTime::never() ? std::string() : output::exact_seconds(row.delay.ps), false);
  }
  if (scan.has_turns) {
    put("turn", row.turn < 0 ? std::string() : std::to_string(row.turn), false);
  }
  if (scan.has_priorities) {
    put("priority", std::to_string(row.priority), false);
  }
  if (scan.has_tenants) {
    put("class", std::string(row.tenant), true);
  }
  if (scan.has_prefixes) {
    put("prefix_group", std::string(row.prefix_group), true);
    put("prefix_tokens", row.prefix_tokens > 0 ? std::to_string(row.prefix_tokens) : std::string(),
        false);
  }
  if (scan.has_content) {
    put("content", content_text(row.content), true);
  }
}

void add_ids(const TraceRow& row, char separator, std::string& text) {
  for (std::size_t i = 0; i < row.blocks.size(); ++i) {
    if (i > 0) {
      text += separator;
    }
    const fmt::format_int digits(row.blocks[i]);
    text.append(digits.data(), digits.size());
  }
}

std::string csv_header(const TraceScan& scan) {
  std::string text;
  put_fields(TraceRow{}, scan, [&text](const char* name, const std::string&, bool) {
    text += (text.empty() ? "" : ",") + std::string(name);
  });
  return text + (scan.has_blocks ? ",block_tokens,hash_ids\n" : "\n");
}

void add_csv_row(const TraceRow& row, const TraceScan& scan, std::string& text) {
  const char* separator = "";
  put_fields(row, scan, [&](const char*, const std::string& value, bool is_text) {
    text += separator;
    text += is_text ? output::csv_field(value) : value;
    separator = ",";
  });
  if (scan.has_blocks) {
    text += ",";
    text += row.blocks.empty() ? "" : std::to_string(row.block_tokens);
    text += ",";
    add_ids(row, ' ', text);
  }
  text += "\n";
}

void add_json_row(const TraceRow& row, const TraceScan& scan, std::string& text) {
  text += "{";
  const char* separator = "";
  put_fields(row, scan, [&](const char* name, const std::string& value, bool is_text) {
    if (value.empty()) {
      return;
    }
    text += fmt::format("{}\"{}\": ", separator, name);
    text += is_text ? nlohmann::json(value).dump(-1, ' ', false,
                                                 nlohmann::json::error_handler_t::replace)
                    : value;
    separator = ", ";
  });
  if (!row.blocks.empty()) {
    text += fmt::format(", \"block_tokens\": {}, \"hash_ids\": [", row.block_tokens);
    add_ids(row, ',', text);
    text += "]";
  }
  text += "}\n";
}

}  // namespace

TraceWriter::TraceWriter(std::string_view to, bool packed, const TraceScan& scan, Write write)
    : is_csv_(to == "csv"),
      packer_(packed ? std::make_unique<GzipPacker>() : nullptr),
      scan_(scan),
      write_(std::move(write)),
      text_(is_csv_ ? csv_header(scan) : std::string()) {}

void TraceWriter::add(const TraceRow& row) {
  if (is_csv_) {
    add_csv_row(row, scan_, text_);
  } else {
    add_json_row(row, scan_, text_);
  }
  if (text_.size() > piece_bytes) {
    flush();
  }
}

void TraceWriter::flush() {
  write_(packer_ ? packer_->pack(text_) : text_);
  text_.clear();
}

void TraceWriter::finish() {
  flush();
  if (packer_) {
    write_(packer_->finish());
  }
}

}  // namespace penstock::cli
