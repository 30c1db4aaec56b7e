#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "config/quantity.h"
#include "config/text.h"
#include "sim/kv/prefix_memory.h"
#include "tools/output/files.h"
#include "tools/penstock/console.h"
#include "tools/penstock/input.h"
#include "tools/penstock/options.h"
#include "tools/penstock/trace_generate.h"
#include "tools/penstock/trace_report.h"
#include "workloads/named_columns.h"
#include "workloads/trace_info.h"

namespace penstock::cli {
namespace {

constexpr Option from_option{"from", 0, "FORMAT", "format of FILE (default: by its content)"};
constexpr Option block_option{"block-tokens", 0, "N", "tokens in a block of its hash ids"};

constexpr Option columns_option{"columns", 0, "LIST",
                                "of a file of your own: arrival=ts,input=in,output=out"};
constexpr Option draw_seed_option{"seed", 0, "N", "ServeGen folder: seed of the requests drawn"};
constexpr Option draw_start_option{"start", 0, "TIME", "ServeGen folder: draw from here on"};
constexpr Option draw_duration_option{"duration", 0, "TIME", "ServeGen folder: draw so long"};

constexpr std::array info_options{
    Option{"format", 0, "FORMAT", "table (default) or json"},
    Option{"prefix-cache", 0, "LIST", "capacities in blocks: 1000,10000,inf (default: inf)"},
    Option{"max-model-len", 0, "N", "count requests with more tokens than this"},
    from_option,
    columns_option,
    block_option,
    skip_rows_option,
    draw_seed_option,
    draw_start_option,
    draw_duration_option,
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
    Option{"output", 'o', "FILE", "write to this file, whole or not at all; .gz packs it"},
    Option{"to", 0, "FORMAT", "csv or jsonl (default: by the name of the output, else csv)"},
    from_option,
    columns_option,
    block_option,
    skip_rows_option,
    draw_seed_option,
    draw_start_option,
    draw_duration_option,
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

/// "arrival=ts,input=in,output=out,time=milliseconds".
std::shared_ptr<const NamedColumns> named_columns(const std::string& text) {
  std::vector<std::string_view> keys{"time"};
  for (const NamedColumns::Key& key : NamedColumns::keys()) {
    keys.push_back(key.name);
  }
  TraceColumns columns;
  for (const std::string_view part : config::split(text, ',')) {
    const std::size_t equals = part.find('=');
    const std::string key(part.substr(0, equals));
    const std::string name(equals == std::string_view::npos ? "" : part.substr(equals + 1));
    const auto units = NamedColumns::time_units();
    if (std::find(keys.begin(), keys.end(), key) == keys.end() || name.empty()) {
      throw UsageError(
          fmt::format("--columns takes KEY=COLUMN,..., not `{}`", config::excerpt(part)),
          fmt::format("keys: {}", config::list_of_names(keys)));
    }
    if (key == "time" && std::find(units.begin(), units.end(), name) == units.end()) {
      throw UsageError(fmt::format("--columns time= takes {}, not `{}`",
                                   config::list_of_names({units.begin(), units.end()}),
                                   config::excerpt(name)));
    }
    if (key == "time") {
      columns.time_unit = name;
    } else {
      columns.names.emplace_back(key, name);
    }
  }
  const auto has = [&columns](std::string_view key) {
    return std::count_if(columns.names.begin(), columns.names.end(),
                         [key](const auto& one) { return one.first == key; }) == 1;
  };
  if (!has("input") || !has("output")) {
    throw UsageError("--columns must name `input` and `output`, once",
                     "such as --columns arrival=ts,input=prompt_len,output=answer_len");
  }
  return std::make_shared<NamedColumns>(std::move(columns));
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
  if (options.has("columns")) {
    all.columns = named_columns(*options.value("columns"));
  }
  all.draw.seed = load_options(options).seed.value_or(all.draw.seed);
  all.draw.start = time_option(options, "start").value_or(all.draw.start);
  all.draw.duration = time_option(options, "duration").value_or(all.draw.duration);
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

int convert(const ParsedOptions& options) {
  const TraceTarget target = trace_target(options);
  const TraceOptions how = trace_options(options);
  const std::string& file = options.words().front();
  if (target.file) {
    output::check_is_not(*target.file, file);
  }
  ErrorLog errors(file);
  const TraceInput input(file);
  const auto scan = scan_trace(input, how, errors, [](const TraceRow&) {});
  if (!scan) {
    return tell_errors(errors);
  }
  for (const std::string& note : notes_on(*scan, errors)) {
    tell_warning(note);
  }
  OrderedTrace rows(input, how, *scan);
  write_rows(target, *scan, [&rows](TraceRow& row) { return rows.next(row); });
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
  if (part == "generate") {
    return run_part(generate_usage, generate_trace, arguments);
  }
  if (part == "--help" || part == "-h") {
    std::string text = usage_text(info_usage) + "\n" + usage_text(convert_usage) + "\n" +
                       usage_text(generate_usage) + "\nformats:\n";
    for (const TraceFormat& format : trace_formats()) {
      text += fmt::format("  {:<14}  {}\n", format.name, format.description);
    }
    print(text + "  (a folder)      ServeGen's clients: chunk-N-trace.csv, chunk-N-dataset.json\n");
    return exit_ok;
  }
  throw UsageError(part.empty()
                       ? "`penstock trace` needs `info`, `convert` or `generate`"
                       : fmt::format("`penstock trace {}` is not known", config::excerpt(part)),
                   "usage: penstock trace info FILE, penstock trace convert FILE -o FILE, "
                   "penstock trace generate FILE -o FILE");
}

}  // namespace penstock::cli
