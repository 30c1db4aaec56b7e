#include "tools/penstock/trace_convert.h"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/output/text.h"

namespace penstock::cli {
namespace {

constexpr std::size_t piece_bytes = std::size_t{1} << 18;

/// A row as `name value` pairs, in the order of the columns.
template <typename Put>
void put_fields(const TraceRow& row, const TraceScan& scan, Put put) {
  if (scan.has_times) {
    put("arrival_s", output::exact_seconds(row.time.ps), false);
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

void convert_trace(const TraceInput& input, const TraceOptions& options, const TraceScan& scan,
                   std::string_view to, const std::function<void(std::string_view)>& write) {
  const bool is_csv = to == "csv";
  std::string text = is_csv ? csv_header(scan) : std::string();
  OrderedTrace rows(input, options, scan);
  TraceRow row;
  while (rows.next(row)) {
    if (is_csv) {
      add_csv_row(row, scan, text);
    } else {
      add_json_row(row, scan, text);
    }
    if (text.size() > piece_bytes) {
      write(text);
      text.clear();
    }
  }
  write(text);
}

}  // namespace penstock::cli
