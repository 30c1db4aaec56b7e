#include "tools/validation/kernels.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <istream>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string_view>
#include <tuple>

#include "sim/step/operators.h"

namespace penstock {
namespace {

/// Parameters fitted to a GPU's kernels alone, and the datasheet that they are fractions of.
struct KernelFit {
  std::string_view gpu;
  double tflops;  ///< bf16, dense
  double gb_s;
  double latency_us;
  double flops_efficiency;
  double bandwidth_efficiency;
  double smooth_p;
  double narrow_n0;
};

constexpr std::array<KernelFit, 7> gemm_fits{{
    {"A100", 312, 2039, 5.21, 0.744, 0.829, 1.39, 0},
    {"A40", 149.7, 696, 2.46, 0.786, 0.790, 1.64, 43},
    {"H100", 989.4, 3352, 5.93, 0.722, 0.966, 2.33, 0},
    {"A6000", 154.8, 768, 5.06, 0.729, 0.999, 2.03, 134},
    {"RTX3090", 71, 936, 8.14, 0.919, 0.910, 1.51, 21},
    {"RTX4090", 165.2, 1008, 5.97, 0.970, 0.940, 2.42, 18},
    {"RTXPRO6000", 503.8, 1597, 2.48, 0.862, 1.0, 1.46, 473},
}};

struct AttentionFit {
  std::string_view gpu;
  double tflops;
  double gb_s;
  double sm_count;
  double decode_latency_us;
  double decode_bandwidth_efficiency;
  double decode_sequence_us;
  double prefill_latency_us;
  double prefill_flops_efficiency;
  double critical_ns_per_kv;
  double prefill_p;
  double mixed_ns_per_head_kv;  ///< one tile per query head on both GPUs
  double mixed_sequence_us;
  double mixed_p;
};

constexpr std::array<AttentionFit, 2> attention_fits{{
    {"RTXPRO6000", 503.8, 1597, 188, 12.7, 0.9504, 2.0, 6.74, 0.461, 20.8, 2.46, 26.8, 3.95, 2.37},
    {"RTX4090", 165.2, 1008, 128, 12.2, 0.904, 3.19, 8.3, 0.69, 30.6, 4, 33.3, 5.22, 2.08},
}};

/// Errors on models left out of a fit, as published with the parameters.
struct HeldOut {
  std::string_view gpu;
  std::string_view op;
  std::string_view subset;
  std::string_view mape_and_p95;
};

constexpr std::array<HeldOut, 15> held_out{{
    {"A100", "gemm", "all rows", "6.6 / 19"},
    {"A40", "gemm", "all rows", "7.5 / 22"},
    {"H100", "gemm", "all rows", "9.0 / 24"},
    {"A6000", "gemm", "all rows", "13 / 30"},
    {"RTXPRO6000", "gemm", "all rows", "6.8 / 15"},
    {"RTX4090", "gemm", "all rows", "4.5 / 12"},
    {"RTXPRO6000", "attn_decode", "all rows", "7.9 / 24"},
    {"RTXPRO6000", "attn_prefill", "all rows", "9.9 / 27"},
    {"RTXPRO6000", "attn_mixed", "all rows", "13 / 37"},
    {"A100", "gemm", "sums over a layer", "4–7"},
    {"A40", "gemm", "sums over a layer", "4–7"},
    {"H100", "gemm", "sums over a layer", "4–7"},
    {"A6000", "gemm", "sums over a layer", "4–7"},
    {"RTXPRO6000", "gemm", "sums over a layer", "4–7"},
    {"RTX4090", "gemm", "sums over a layer", "4–7"},
}};

std::string_view expected_text(const KernelErrors& e) {
  const auto found = std::find_if(held_out.begin(), held_out.end(), [&](const HeldOut& row) {
    return row.gpu == e.gpu && row.op == e.op && row.subset == e.subset;
  });
  return found == held_out.end() ? "" : found->mape_and_p95;
}

template <typename Fits>
auto find_fit(const Fits& fits, std::string_view gpu) {
  const auto found =
      std::find_if(fits.begin(), fits.end(), [&](const auto& fit) { return fit.gpu == gpu; });
  return found == fits.end() ? nullptr : &*found;
}

// ---- Predictions --------------------------------------------------------------------------------

/// A row of the table: cells by column name.
using Row = std::map<std::string, std::string, std::less<>>;

double number(const Row& row, std::string_view column) {
  const std::string& cell = row.find(column)->second;
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc{} || end != cell.data() + cell.size()) {
    throw std::runtime_error(fmt::format("{} is not a number: {}", column, cell));
  }
  return value;
}

double gemm_ms(const KernelFit& fit, const Row& row) {
  GemmRates rates;
  rates.latency_ms = fit.latency_us * 1e-3;
  rates.peak_flop_per_ms = fit.tflops * 1e9;
  rates.flop_per_ms = rates.peak_flop_per_ms * fit.flops_efficiency;
  rates.peak_bytes_per_ms = fit.gb_s * 1e6;
  rates.bytes_per_ms = rates.peak_bytes_per_ms * fit.bandwidth_efficiency;
  rates.narrow_n0 = fit.narrow_n0;
  rates.smooth = SmoothMax(fit.smooth_p);
  return gemm(rates, {.n = number(row, "N"), .k = number(row, "K")}, number(row, "M")).total_ms();
}

AttentionRates attention_rates(const AttentionFit& fit, const Row& row) {
  const double q_heads = number(row, "nq");
  const double kv_heads = number(row, "nkv");
  const double d = number(row, "hd");
  AttentionRates rates;
  rates.flop_per_pair = 4 * q_heads * d;
  rates.bytes_per_kv = 4 * kv_heads * d;
  rates.peak_flop_per_ms = fit.tflops * 1e9;
  rates.flop_per_ms = rates.peak_flop_per_ms * fit.prefill_flops_efficiency;
  rates.peak_bytes_per_ms = fit.gb_s * 1e6;
  rates.bytes_per_ms = rates.peak_bytes_per_ms * fit.decode_bandwidth_efficiency;
  rates.decode_latency_ms = fit.decode_latency_us * 1e-3;
  rates.decode_sequence_ms = fit.decode_sequence_us * 1e-3 * kv_heads / fit.sm_count;
  rates.prefill_latency_ms = fit.prefill_latency_us * 1e-3;
  rates.critical_ms_per_kv = fit.critical_ns_per_kv * 1e-6;
  rates.mixed_sequence_ms = fit.mixed_sequence_us * 1e-3 * q_heads / fit.sm_count;
  rates.mixed_decode_ms_per_kv = fit.mixed_ns_per_head_kv * 1e-6 * q_heads / fit.sm_count;
  rates.prefill_smooth = SmoothMaxTable(fit.prefill_p);
  rates.mixed_smooth = SmoothMaxTable(fit.mixed_p);
  return rates;
}

double attention_ms(const AttentionFit& fit, const Row& row) {
  const AttentionRates rates = attention_rates(fit, row);
  const double decodes = number(row, "B");
  const double kv = number(row, "kv_decode");
  const double q = number(row, "q");
  const double context = number(row, "kv_prefix");
  AttentionLoad load;
  load.decodes = decodes;
  load.kv_sum = decodes * kv;
  load.pairs = q * context + q * (q + 1) / 2;
  load.chunk_kv = q > 0 ? q + context : 0;
  load.chunk_kv_max = load.chunk_kv;
  load.kv_max = std::max(decodes > 0 ? kv : 0, load.chunk_kv);
  const std::string& op = row.find("op")->second;
  if (op == "attn_decode") {
    return attention_decode(rates, load).total_ms() + rates.decode_sequence_ms * decodes;
  }
  if (op == "attn_prefill") {
    return attention_prefill(rates, load).total_ms();
  }
  return attention_mixed(rates, load).total_ms() + rates.mixed_sequence_ms * decodes;
}

// ---- Errors -------------------------------------------------------------------------------------

/// A point: how long it should take, and how long it took.
struct Pair {
  double predicted_ms = 0;
  double measured_ms = 0;
};

KernelErrors errors_of(KernelErrors labels, const std::vector<Pair>& pairs) {
  std::vector<double> absolute;
  for (const Pair& pair : pairs) {
    const double error = pair.predicted_ms / pair.measured_ms - 1;
    labels.bias += error / static_cast<double>(pairs.size());
    absolute.push_back(std::fabs(error));
  }
  std::sort(absolute.begin(), absolute.end());
  const double count = static_cast<double>(absolute.size());
  labels.count = absolute.size();
  labels.mape = std::accumulate(absolute.begin(), absolute.end(), 0.0) / count;
  labels.p95 = absolute[static_cast<std::size_t>(std::ceil(0.95 * count)) - 1];
  return labels;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// Repeats of one GEMM as one point, and the GEMMs of one layer as one point.
class GemmGroups {
 public:
  void add(const Row& row, const Pair& pair) {
    const auto cell = [&](std::string_view column) { return row.find(column)->second; };
    auto& gemm = layers_[{cell("model"), cell("tp"), cell("M")}][cell("sub")];
    gemm.predicted_ms = pair.predicted_ms;
    gemm.measured_ms.push_back(pair.measured_ms);
  }

  std::vector<Pair> without_repeats() const {
    std::vector<Pair> out;
    for (const auto& [layer, gemms] : layers_) {
      for (const auto& [name, gemm] : gemms) {
        out.push_back({gemm.predicted_ms, median(gemm.measured_ms)});
      }
    }
    return out;
  }

  std::vector<Pair> layer_sums() const {
    std::vector<Pair> out;
    for (const auto& [layer, gemms] : layers_) {
      Pair sum;
      std::size_t in_layer = 0;
      for (const auto& [name, gemm] : gemms) {
        if (name != "lm_head") {
          sum.predicted_ms += gemm.predicted_ms;
          sum.measured_ms += median(gemm.measured_ms);
          ++in_layer;
        }
      }
      if (in_layer >= 4) {
        out.push_back(sum);
      }
    }
    return out;
  }

 private:
  struct Gemm {
    double predicted_ms = 0;
    std::vector<double> measured_ms;
  };
  std::map<std::tuple<std::string, std::string, std::string>, std::map<std::string, Gemm>> layers_;
};

struct Group {
  std::vector<Pair> all;
  GemmGroups gemms;
};

// ---- Table --------------------------------------------------------------------------------------

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> cells(1);
  for (const char c : line) {
    if (c == ',') {
      cells.emplace_back();
    } else if (c != '\r') {
      cells.back() += c;
    }
  }
  return cells;
}

/// The prediction for a row, or a negative number if no fit covers it.
double predicted_ms(const Row& row) {
  const std::string& op = row.find("op")->second;
  const std::string& gpu = row.find("gpu")->second;
  if (op == "gemm") {
    const KernelFit* fit = find_fit(gemm_fits, gpu);
    return fit == nullptr ? -1 : gemm_ms(*fit, row);
  }
  if (op == "attn_decode" || op == "attn_prefill" || op == "attn_mixed") {
    const AttentionFit* fit = find_fit(attention_fits, gpu);
    return fit == nullptr ? -1 : attention_ms(*fit, row);
  }
  return -1;
}

}  // namespace

std::vector<KernelErrors> compare_kernels(std::istream& csv) {
  std::string line;
  std::getline(csv, line);
  const std::vector<std::string> header = split(line);
  for (const char* column : {"source", "gpu", "op", "sub", "model", "tp", "M", "N", "K", "B", "q",
                             "kv_prefix", "kv_decode", "nq", "nkv", "hd", "measured_ms"}) {
    if (std::find(header.begin(), header.end(), column) == header.end()) {
      throw std::runtime_error(fmt::format("no column {}", column));
    }
  }
  std::map<std::tuple<std::string, std::string, std::string>, Group> groups;
  while (std::getline(csv, line)) {
    const std::vector<std::string> cells = split(line);
    if (cells.size() != header.size()) {
      throw std::runtime_error("a row with more or fewer cells than the header: " + line);
    }
    Row row;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      row[header[i]] = cells[i];
    }
    const Pair pair{.predicted_ms = predicted_ms(row), .measured_ms = number(row, "measured_ms")};
    if (pair.predicted_ms < 0) {
      continue;
    }
    Group& group = groups[{row["gpu"], row["source"], row["op"]}];
    group.all.push_back(pair);
    group.gemms.add(row, pair);
  }
  std::vector<KernelErrors> out;
  for (const auto& [key, group] : groups) {
    KernelErrors labels;
    std::tie(labels.gpu, labels.source, labels.op) = key;
    const auto add = [&](const char* subset, const std::vector<Pair>& pairs) {
      labels.subset = subset;
      if (!pairs.empty()) {
        out.push_back(errors_of(labels, pairs));
      }
    };
    add("all rows", group.all);
    if (labels.op == "gemm") {
      add("repeats as one", group.gemms.without_repeats());
      add("sums over a layer", group.gemms.layer_sums());
    }
  }
  return out;
}

std::string kernel_table(const std::vector<KernelErrors>& errors) {
  std::string out =
      "| GPU | source | operator | subset | points | MAPE % | p95 % | bias % | expected MAPE / p95 "
      "% "
      "|\n|---|---|---|---|---:|---:|---:|---:|---|\n";
  for (const KernelErrors& e : errors) {
    out += fmt::format("| {} | {} | {} | {} | {} | {:.1f} | {:.1f} | {:+.1f} | {} |\n", e.gpu,
                       e.source, e.op, e.subset, e.count, 100 * e.mape, 100 * e.p95, 100 * e.bias,
                       expected_text(e));
  }
  return out;
}

}  // namespace penstock
