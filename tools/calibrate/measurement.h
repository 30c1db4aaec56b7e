#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/core/diagnostic.h"
#include "sim/request_source.h"
#include "workloads/error_log.h"

/// What users measure on their own machines, in the formats that tools write.
namespace penstock::calibrate {

/// A request as it was served. Times in ms, from its arrival; below 0 = not measured.
struct ServedRequest {
  Request request;
  double ttft_ms = -1;
  double e2e_ms = -1;

  /// Time per output token after the first; below 0 where there is none.
  double tpot_ms() const {
    const std::int64_t gaps = request.output_tokens - 1;
    return ttft_ms >= 0 && e2e_ms > ttft_ms && gaps > 0
               ? (e2e_ms - ttft_ms) / static_cast<double>(gaps)
               : -1;
  }
};

/// One statistic of a whole run, as `summary.json` names it: "ttft_ms.p90".
struct Statistic {
  std::string name;
  double value = 0;
  /// Upper ends of the histogram's buckets that a quantile was read off, ascending, in ms.
  std::vector<double> buckets = {};
};

/// The time of one kernel alone, at one shape, on one GPU. The columns of docs/calibrating.md.
struct KernelTime {
  std::string gpu, source, model, sub;  ///< as the table has them; may be empty
  std::string op;                       ///< gemm, attn_decode, attn_prefill, attn_mixed, all_reduce
  std::string dtype;                    ///< of a GEMM's weights
  double tp = 1;                        ///< GPUs
  double m = 0, n = 0, k = 0;           ///< GEMMs; all-reduces: m bytes
  double decodes = 0, kv_decode = 0;    ///< attention: sequences that decode, the context of each
  double q = 0, kv_prefix = 0;          ///< the chunk's new tokens, and those before them
  double q_heads = 0, kv_heads = 0, head_dim = 0;
  double measured_ms = 0;
};

struct Measurement {
  /// When requests came: as each says; each client's next one as its last one ends; unknown.
  enum class Arrivals { given, closed_loop, unknown };

  std::string format;                   ///< "vLLM benchmark", for people
  std::vector<ServedRequest> requests;  ///< in order of arrival; empty: the others below
  Arrivals arrivals = Arrivals::given;
  std::int64_t concurrency = 0;  ///< closed loop: clients
  /// Times were taken by clients: network, HTTP and tokeniser are in them.
  bool by_clients = false;
  std::vector<Statistic> statistics;  ///< of a run without single requests
  std::string model;                  ///< that was served, if the file says
  std::vector<std::string> doubts;    ///< what is odd about it, for people
  std::vector<KernelTime> kernels;
};

struct ReadMeasurement {
  Measurement measurement;
  Diagnostics diagnostics;
};

/// Reads a file of any known format, recognised by content: the JSON of `vllm bench serve
/// --save-result`, requests as CSV or as JSON lines, histograms as Prometheus' text, kernels as
/// CSV. What is wrong with it is reported, with its place, all at once.
ReadMeasurement read_measurement(const std::string& path);

// The readers of each format, which take the whole text.

void read_benchmark(const std::string& text, ErrorLog& errors, Measurement& out);
void read_histograms(const std::string& text, ErrorLog& errors, Measurement& out);
void read_request_lines(const std::string& text, ErrorLog& errors, Measurement& out);
/// Requests or kernels: the header says which.
void read_csv(const std::string& text, ErrorLog& errors, Measurement& out);

/// A share of values by a histogram: linear within the bucket, nothing in an open one. `up_to` are
/// values up to each end; `ends` ascend.
std::optional<double> histogram_quantile(std::span<const double> ends,
                                         std::span<const double> up_to, double count, double share);

/// Puts requests in order of arrival, the first at 0.
void order_by_arrival(std::vector<ServedRequest>& requests);
/// Means, medians and 90th percentiles of what was measured.
std::vector<Statistic> statistics_of(const std::vector<ServedRequest>& requests);

}  // namespace penstock::calibrate
