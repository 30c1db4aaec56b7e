#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "workloads/error_log.h"

namespace penstock {

/// A window of a ServeGen client's arrivals: chunk-N-trace.csv.
struct ServeGenWindow {
  std::int64_t start_s = 0;
  double rate = 0;  ///< requests per second; 0 = idle
  bool is_weibull = false;
  double shape = 1;
};

/// Token counts and the probability of each count or a smaller one.
struct ServeGenLengths {
  std::vector<std::int64_t> tokens;
  std::vector<double> up_to;  ///< ascending; the last one is 1

  /// The smallest count at or below which lengths are with a probability of at least p < 1.
  std::int64_t at(double p) const;
};

/// The lengths of a client in one window: chunk-N-dataset.json.
struct ServeGenMix {
  ServeGenLengths input;
  ServeGenLengths output;
};

struct ServeGenClient {
  std::int64_t number = 0;
  std::vector<ServeGenWindow> windows;          ///< by start
  std::map<std::int64_t, ServeGenMix> lengths;  ///< by start of the window, in seconds
};

/// The numbers of the clients in a folder, ascending: of the files chunk-N-trace.csv.
std::vector<std::int64_t> servegen_clients(const std::string& folder);

/// Reads a client. Lengths are read of the windows that end after `from_s` and begin before `to_s`,
/// of the one before and of the first one after; none if there is no such file. Nothing, and
/// errors in the log, if a file cannot be read.
std::optional<ServeGenClient> read_servegen_client(const std::string& folder, std::int64_t number,
                                                   std::int64_t from_s, std::int64_t to_s,
                                                   ErrorLog& errors);

/// Reads `{1: 0.25, 12: 0.75}`, as Python writes a dict; nothing if it is none, or has no weight.
std::optional<ServeGenLengths> parse_servegen_lengths(std::string_view text);

}  // namespace penstock
