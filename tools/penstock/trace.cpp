#include <fmt/format.h>

#include <array>
#include <filesystem>

#include "config/quantity.h"
#include "config/text.h"
#include "sim/kv/prefix_memory.h"
#include "tools/output/files.h"
#include "tools/penstock/console.h"
#include "tools/penstock/input.h"
#include "tools/penstock/options.h"
#include "tools/penstock/trace_convert.h"
#include "tools/penstock/trace_report.h"
#include "workloads/trace_info.h"

namespace penstock::cli {
namespace {

constexpr Option from_option{"from", 0, "FORMAT", "format of FILE (default: by its content)"};
constexpr Option block_option{"block-tokens", 0, "N", "tokens in a block of its hash ids"};
constexpr Option skip_option{"skip-bad-rows", 0, "", "leave out rows that cannot be read"};

constexpr std::array info_options{
    Option{"format", 0, "FORMAT", "table (default) or json"},
    Option{"prefix-cache", 0, "LIST", "capacities in blocks: 1000,10000,inf (default: inf)"},
    Option{"max-model-len", 0, "N", "count requests with more tokens than this"},
    from_option,
    block_option,
    skip_option,
    color_option,
};
constexpr std::array<std::string_view, 3> info_examples{
    "penstock trace info conv.csv",
    "penstock trace info mooncake.jsonl --prefix-cache 1000,10000,inf --format json",
    "zcat burstgpt.csv.gz | penstock trace info -",
};
constexpr Usage info_usage{"trace info",
                           "FILE [OPTION]...",
                           "Statistics of a trace: rate, burstiness, lengths, what prompts share. "
                           "FILE may be packed\nwith gzip; `-` is standard input.",
                           info_examples,
                           info_options,
                           1,
                           1};

constexpr std::array convert_options{
    Option{"output", 'o', "FILE", "write to this file, whole or not at all"},
    Option{"to", 0, "FORMAT", "csv or jsonl (default: by the name of the output, else csv)"},
    from_option,
    block_option,
    skip_option,
    color_option,
};
constexpr std::array<std::string_view, 2> convert_examples{
    "penstock trace convert mooncake.jsonl -o mooncake.csv",
    "penstock trace convert burstgpt.csv.gz --to jsonl > burstgpt.jsonl",
};
constexpr Usage convert_usage{"trace convert",
                              "FILE [OPTION]...",
                              "Writes a trace of any format as our CSV or JSONL, in order of time.",
                              convert_examples,
                              convert_options,
                              1,
                              1};

/// A whole number from 1 on; 0 if the option is not given.
std::int64_t whole_option(const ParsedOptions& options, std::string_view name, std::int64_t most) {
  const auto text = options.value(name);
  if (!text) {
    return 0;
  }
  const config::Whole number = config::parse_whole(*text);
  if (!number.ok() || number.value < 1 || number.value > most) {
    throw UsageError(fmt::format("--{} takes a whole number from 1 to {}, not `{}`", name, most,
                                 config::excerpt(*text)));
  }
  return number.value;
}

TraceOptions trace_options(const ParsedOptions& options) {
  TraceOptions all;
  if (const auto name = options.value("from")) {
    all.format = find_trace_format(*name);
    if (all.format == nullptr) {
      std::vector<std::string_view> names;
      for (const TraceFormat& format : trace_formats()) {
        names.push_back(format.name);
      }
      throw UsageError(fmt::format("--from takes {}, not `{}`", config::list_of_names(names),
                                   config::excerpt(*name)),
                       config::did_you_mean(*name, names));
    }
  }
  all.block_tokens = whole_option(options, "block-tokens", 1 << 20);
  all.skip_bad_rows = options.has("skip-bad-rows");
  return all;
}

/// Capacities in blocks, as the user listed them.
std::vector<std::int64_t> cache_sizes(const ParsedOptions& options) {
  constexpr std::int64_t most = 1'000'000'000'000;
  const std::string text = options.value("prefix-cache").value_or("inf");
  std::vector<std::int64_t> sizes;
  for (const std::string_view part : config::split(text, ',')) {
    const config::Whole number = config::parse_whole(part);
    if (part != "inf" && (!number.ok() || number.value < 1 || number.value > most)) {
      throw UsageError(
          fmt::format("--prefix-cache takes numbers of blocks, not `{}`", config::excerpt(part)),
          "for example --prefix-cache 1000,10000,inf");
    }
    sizes.push_back(part == "inf" ? PrefixMemory::unlimited : number.value);
  }
  return sizes;
}

int tell_errors(const ErrorLog& errors) {
  const Diagnostics diagnostics = errors.diagnostics();
  tell(diagnostics);
  return exit_code_of(diagnostics);
}

int info(const ParsedOptions& options) {
  static constexpr std::array<std::string_view, 2> formats{"table", "json"};
  const std::string format = choose(options, "format", formats);
  TraceInfoOptions what;
  what.cache_blocks = cache_sizes(options);
  what.max_model_len = whole_option(options, "max-model-len", 1'000'000'000);
  const TraceOptions how = trace_options(options);
  const std::string& file = options.words().front();
  ErrorLog errors(file);
  const auto found = describe_trace(TraceInput(file), how, what, errors);
  if (!found) {
    return tell_errors(errors);
  }
  print(format == "json" ? trace_json(file, *found) : trace_table(file, *found));
  return exit_ok;
}

/// `csv` or `jsonl`, as asked for or as the output is called.
std::string target_format(const ParsedOptions& options) {
  static constexpr std::array<std::string_view, 2> formats{"csv", "jsonl"};
  if (options.has("to")) {
    return choose(options, "to", formats);
  }
  return options.value("output").value_or("").ends_with(".jsonl") ? "jsonl" : "csv";
}

int convert(const ParsedOptions& options) {
  const std::string to = target_format(options);
  const TraceOptions how = trace_options(options);
  const std::string& file = options.words().front();
  ErrorLog errors(file);
  const TraceInput input(file);
  const auto scan = scan_trace(input, how, errors, [](const TraceRow&) {});
  if (!scan) {
    return tell_errors(errors);
  }
  for (const std::string& note : notes_on(*scan, errors)) {
    tell_warning(note);
  }
  if (const auto target = options.value("output")) {
    output::WholeFile out(*target);
    convert_trace(input, how, *scan, to, [&out](std::string_view text) { out.write(text); });
    out.commit();
  } else {
    convert_trace(input, how, *scan, to, [](std::string_view text) { print(text); });
  }
  return exit_ok;
}

int run_part(const Usage& usage, int (*part)(const ParsedOptions&), const Arguments& arguments) {
  const ParsedOptions options = parse_options(usage, {arguments.begin() + 1, arguments.end()});
  if (options.has("help")) {
    print(usage_text(usage));
    return exit_ok;
  }
  apply_color(options);
  return part(options);
}

}  // namespace

const Usage& trace_info_usage() { return info_usage; }
const Usage& trace_convert_usage() { return convert_usage; }

int trace_verb(const Arguments& arguments) {
  const std::string part = arguments.empty() ? "" : arguments.front();
  if (part == "info") {
    return run_part(info_usage, info, arguments);
  }
  if (part == "convert") {
    return run_part(convert_usage, convert, arguments);
  }
  if (part == "--help" || part == "-h") {
    std::string text = usage_text(info_usage) + "\n" + usage_text(convert_usage) + "\nformats:\n";
    for (const TraceFormat& format : trace_formats()) {
      text += fmt::format("  {:<14}  {}\n", format.name, format.description);
    }
    print(text);
    return exit_ok;
  }
  throw UsageError(part.empty()
                       ? "`penstock trace` needs `info` or `convert`"
                       : fmt::format("`penstock trace {}` is not known", config::excerpt(part)),
                   "usage: penstock trace info FILE, penstock trace convert FILE -o FILE");
}

}  // namespace penstock::cli
