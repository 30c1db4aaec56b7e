#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "config/catalog.h"
#include "config/read_arrivals.h"
#include "config/text.h"

namespace penstock::config {

namespace {

// Section holds times in ps, sizes in bytes, rates in FLOP/s: step/roofline.h has its own units.
double us(const Section& section, std::string_view key) {
  return section.number(key).value_or(0) / 1e6;
}
double ns(const Section& section, std::string_view key) {
  return section.number(key).value_or(0) / 1e3;
}
double gb_s(const Section& section, std::string_view key) {
  return section.number(key).value_or(0) / 1e9;
}
double plain(const Section& section, std::string_view key) {
  return section.number(key).value_or(0);
}

std::map<Dtype, double> by_dtype(const Section& section, double scale) {
  std::map<Dtype, double> values;
  for (const Member& member : section.members()) {
    const std::optional<Dtype> dtype =
        member.key == "fp4" ? std::optional(Dtype::nvfp4) : parse_dtype(member.key);
    if (const auto value = section.number(member.key); dtype && value) {
      values[*dtype] = *value / scale;
    }
  }
  return values;
}

AcceleratorTiming::Gemm read_gemm(const Section& s) {
  AcceleratorTiming::Gemm gemm;
  gemm.latency_us = us(s, "latency");
  gemm.flops_efficiency = by_dtype(s.section("flops_efficiency"), 1);
  gemm.head_flops_efficiency = plain(s.section("flops_efficiency"), "head");
  gemm.bandwidth_efficiency = plain(s, "bandwidth_efficiency");
  gemm.smooth_p = plain(s, "smooth_p");
  gemm.narrow_n0 = plain(s, "narrow_n0");
  return gemm;
}

AcceleratorTiming::AllReduce read_all_reduce(const Section& s) {
  AcceleratorTiming::AllReduce all_reduce;
  all_reduce.bandwidth_gb_s = gb_s(s, "bandwidth");
  const Section latency = s.section("latency");
  for (const Member& member : latency.members()) {
    if (const Whole gpus = parse_whole(member.key); gpus.ok() && gpus.value > 1) {
      all_reduce.latency_us[static_cast<int>(gpus.value)] = us(latency, member.key);
    }
  }
  return all_reduce;
}

AcceleratorTiming read_timing(const Section& s) {
  AcceleratorTiming t;
  t.fit = s.choice("fit").value_or("assumed");
  t.peak_tflops = by_dtype(s.section("peak"), 1e12);
  t.memory_gb_s = gb_s(s, "memory_bandwidth");
  t.sm_count = static_cast<double>(s.whole("sm_count").value_or(0));
  t.gemm = read_gemm(s.section("gemm"));
  const Section decode = s.section("attention_decode");
  t.attention_decode = {us(decode, "latency"), plain(decode, "bandwidth_efficiency"),
                        us(decode, "per_sequence")};
  const Section prefill = s.section("attention_prefill");
  t.attention_prefill = {us(prefill, "latency"), plain(prefill, "flops_efficiency"),
                         ns(prefill, "critical_path"), plain(prefill, "smooth_p")};
  const Section mixed = s.section("attention_mixed");
  t.attention_mixed = {ns(mixed, "decode_per_head_kv"), us(mixed, "per_sequence"),
                       plain(mixed, "smooth_p"), mixed.boolean("gqa_packed").value_or(false)};
  const Section elementwise = s.section("elementwise");
  t.elementwise = {us(elementwise, "latency"), plain(elementwise, "bandwidth_efficiency")};
  t.all_reduce = read_all_reduce(s.section("all_reduce"));
  t.moe_flops_efficiency = by_dtype(s.section("moe_flops_efficiency"), 1);
  t.link_gb_s = gb_s(s, "link_bandwidth");
  return t;
}

/// Datasheet peaks with the efficiencies of step-model.md §2, for a GPU without measurements.
AcceleratorTiming datasheet_timing(const Accelerator& gpu, double sm_count, double link_gb_s) {
  AcceleratorTiming t;
  t.fit = "datasheet";
  t.peak_tflops = gpu.peak_tflops;
  t.memory_gb_s = gpu.memory_gb_s;
  t.sm_count = sm_count;
  t.gemm = {5.6, {{Dtype::bf16, 0.745}}, 0.745, 0.90, 1.79, 44};
  for (const auto& [dtype, peak] : gpu.peak_tflops) {
    const bool is_fp4 = dtype == Dtype::nvfp4 || dtype == Dtype::mxfp4;
    t.gemm.flops_efficiency[dtype] = dtype == Dtype::bf16 ? 0.745 : is_fp4 ? 0.51 : 0.656;
  }
  t.attention_decode = {12, 0.85, 2.5};
  t.attention_prefill = {6, 0.5, 25, 2.5};
  t.attention_mixed = {25, 2.5, 2.4, false};
  t.elementwise = {2.3, 0.55};
  if (gpu.scaleup_domain > 1 && link_gb_s > 0) {
    t.all_reduce = {{{2, 7}, {4, 15}, {8, 19}}, link_gb_s * (290.01 / 450)};  // as h100-sxm
    t.link_gb_s = link_gb_s;
  } else {
    t.all_reduce = {{{2, 25}, {4, 40}, {8, 60}}, 20.471};  // as a100-80-pcie: a guess
  }
  return t;
}

/// Reports `key` of `timing` if it is above `datasheet_key` of `datasheet`, where both are given.
void check_peak(const Section& timing, std::string_view key, const Section& datasheet,
                std::string_view datasheet_key, Reporter& reporter) {
  constexpr double rounding = 1.02;  // the H100 PCIe's bandwidth is sold as 2000 GB/s and is 2039
  const auto value = timing.number(key);
  const auto peak = datasheet.number(datasheet_key);
  if (!value || !peak || *value <= *peak * rounding) {
    return;
  }
  Diagnostic& d = reporter.error(
      timing.span(key),
      fmt::format("`{}` in `timing` is {}, more than the datasheet's {}", key,
                  excerpt(timing.find(key)->text), excerpt(datasheet.find(datasheet_key)->text)),
      "no step may be faster than the hardware's peak");
  d.notes.push_back(fmt::format("the datasheet's is `{}` in line {}", datasheet_key,
                                datasheet.span(datasheet_key).line));
}

LengthSpec quantile_lengths(const std::vector<double>& probabilities,
                            const std::vector<double>& values) {
  LengthSpec lengths;
  lengths.kind = LengthSpec::Kind::quantiles;
  lengths.probabilities = probabilities;
  lengths.values = values;
  return lengths;
}

}  // namespace

std::optional<Dtype> parse_dtype(std::string_view name) {
  for (const Dtype dtype : {Dtype::bf16, Dtype::fp8, Dtype::int8, Dtype::nvfp4, Dtype::mxfp4,
                            Dtype::int4, Dtype::int4_g32, Dtype::w8a16, Dtype::nvfp4a16}) {
    if (name == to_string(dtype)) {
      return dtype;
    }
  }
  return std::nullopt;
}

namespace {

/// Units that are off by a thousand: no GPU takes seconds to read its memory (80 GB at 3.35 TB/s:
/// 24 ms), or has less than 3 or more than 3,000 FLOP for a byte (H100: 295).
void check_units(const Section& file, Reporter& reporter) {
  const double bytes_per_second = plain(file, "memory_bandwidth");
  const double bf16 = plain(file.section("peak"), "bf16");
  if (!(bytes_per_second > 0)) {
    return;
  }
  if (const double seconds = plain(file, "memory") / bytes_per_second; seconds > 5) {
    reporter.error(file.span("memory_bandwidth"),
                   fmt::format("it would take {:.3g} s to read all of `memory`", seconds),
                   "is it TB/s or GB/s?");
  } else if (const double ridge = bf16 / bytes_per_second;
             bf16 > 0 && (ridge < 3 || ridge > 3000)) {
    reporter.error(
        file.section("peak").span("bf16"),
        fmt::format("{:.3g} FLOP for each byte of `memory_bandwidth` are no GPU's", ridge),
        "are peak and bandwidth in the right units, such as 989TFLOPS and 3350GB/s?");
  }
}

}  // namespace

void check_gpu(const Section& file, Reporter& reporter) {
  if (plain(file, "tdp") > 0 && plain(file, "idle_power") > plain(file, "tdp")) {
    reporter.error(file.span("idle_power"), "`idle_power` is more than the `tdp`");
  }
  check_units(file, reporter);
  const Section timing = file.section("timing");
  check_peak(timing, "memory_bandwidth", file, "memory_bandwidth", reporter);
  for (const std::string_view dtype : {"bf16", "fp8", "int8", "nvfp4", "mxfp4"}) {
    check_peak(timing.section("peak"), dtype, file.section("peak"),
               dtype.ends_with("fp4") ? "fp4" : dtype, reporter);
  }
}

Accelerator read_gpu(const Section& file) {
  Accelerator gpu;
  gpu.name = file.text("name").value_or("");
  gpu.title = file.text("title").value_or("");
  gpu.vendor = file.text("vendor").value_or("");
  gpu.architecture = file.text("architecture").value_or("");
  gpu.memory_bytes = plain(file, "memory");
  gpu.memory_gb_s = gb_s(file, "memory_bandwidth");
  gpu.peak_tflops = by_dtype(file.section("peak"), 1e12);
  gpu.tdp_w = plain(file, "tdp");
  gpu.idle_w = plain(file, "idle_power");
  const Section link = file.section("interconnect");
  gpu.scaleup_domain = static_cast<int>(link.whole("domain").value_or(1));
  const Section timing = file.section("timing");
  const auto sm_count = static_cast<double>(file.whole("sm_count").value_or(1));
  gpu.timing = timing.is_given() ? read_timing(timing)
                                 : datasheet_timing(gpu, sm_count, gb_s(link, "bandwidth"));
  if (const auto int8 = gpu.peak_tflops.find(Dtype::int8); int8 != gpu.peak_tflops.end()) {
    gpu.timing.peak_tflops.insert(*int8);  // nothing was fitted with int8: the datasheet's peak
  }
  return gpu;
}

EnginePreset read_engine(const Section& file) {
  EnginePreset preset;
  EngineSpec& spec = preset.spec;
  preset.title = file.text("title").value_or("");
  spec.preset = file.text("name").value_or("");
  spec.scheduler = file.choice("scheduler").value_or("vllm_v1");
  const auto limits = [](const Section& s) {
    return EnginePreset::Limits{s.whole("max_num_batched_tokens").value_or(0),
                                s.whole("max_num_seqs").value_or(0)};
  };
  preset.large = limits(file.section("limits").section("large"));
  preset.other = limits(file.section("limits").section("other"));
  spec.block_size = file.whole("block_size").value_or(16);
  spec.gpu_memory_utilization = file.number("gpu_memory_utilization").value_or(0.9);
  spec.enable_chunked_prefill = file.boolean("enable_chunked_prefill").value_or(true);
  spec.enable_prefix_caching = file.boolean("enable_prefix_caching").value_or(false);
  spec.async_scheduling = file.boolean("async_scheduling").value_or(false);
  spec.sglang.schedule_policy =
      file.choice("schedule_policy") == "lpm" ? SglangSpec::Policy::lpm : SglangSpec::Policy::fcfs;
  spec.sglang.retracts_far = file.boolean("retracts_far").value_or(false);
  spec.scheduler_reserve_full_isl = file.boolean("scheduler_reserve_full_isl").value_or(true);
  spec.watermark = file.number("watermark").value_or(0);
  spec.scheduling_policy = file.choice("scheduling_policy") == "priority"
                               ? SchedulingPolicy::priority
                               : SchedulingPolicy::fcfs;
  preset.pads_to_cuda_graphs = file.choice("cuda_graph_sizes") == "vllm";
  const std::string_view rule = file.choice("memory_rule").value_or("vllm");
  preset.memory_rule = rule == "vllm"           ? MemoryRule::vllm
                       : rule == "tensorrt_llm" ? MemoryRule::tensorrt_llm
                                                : MemoryRule::sglang;
  preset.kv_reserve_bytes = plain(file, "kv_reserve");
  const Section cpu = file.section("cpu_overhead");
  spec.cpu_overhead = {cpu.time("per_step").value_or(SimTime{}),
                       cpu.time("per_sequence").value_or(SimTime{}),
                       cpu.boolean("overlap").value_or(false)};
  spec.front_end_latency = file.time("front_end_latency").value_or(SimTime{});
  const Section t = file.section("timing");
  spec.timing = {
      plain(t, "gpu_time_factor"),
      plain(t, "gemm_latency_factor"),
      plain(t, "decode_per_sequence_factor"),
      plain(t, "elementwise_factor"),
      plain(t, "all_reduce_latency_factor"),
      t.choice("attention") == "separate" ? AttentionKernel::separate : AttentionKernel::mixed};
  const Section moe = file.section("moe");
  EngineTiming::Moe& experts = spec.timing.moe;
  experts.latency_us = moe.has("latency") ? us(moe, "latency") : experts.latency_us;
  experts.fp8_latency_us = moe.has("fp8_latency") ? us(moe, "fp8_latency") : experts.fp8_latency_us;
  experts.deep_gemm_latency_us =
      moe.has("deep_gemm_latency") ? us(moe, "deep_gemm_latency") : experts.deep_gemm_latency_us;
  experts.bandwidth_efficiency =
      moe.number("bandwidth_efficiency").value_or(experts.bandwidth_efficiency);
  experts.imbalance = moe.number("imbalance").value_or(experts.imbalance);
  experts.mxfp4_as_bf16 = moe.boolean("mxfp4_as_bf16").value_or(experts.mxfp4_as_bf16);
  spec.timing.pipeline_ms_per_stage =
      file.time("pipeline_per_stage").value_or(SimTime{}).milliseconds();
  return preset;
}

namespace {

/// Its prices are taken to be in the file's one currency: the first sign decides.
OwnedSpec read_owned(const Section& s) {
  OwnedSpec owned;
  owned.capital = plain(s, "capital");
  owned.life_hours = plain(s, "life") / 3600e12;
  owned.hosting_per_hour = plain(s, "hosting");
  owned.all_in_per_hour = plain(s, "per_hour");
  const std::vector<double> spread = s.numbers("spread");
  if (spread.size() == 2) {
    owned.low_per_hour = spread[0];
    owned.high_per_hour = spread[1];
  }
  owned.source =
      fmt::format("catalogue, {}: {}", s.text("date").value_or(""), s.text("source").value_or(""));
  return owned;
}

}  // namespace

GpuPrice read_price(const Section& file) {
  GpuPrice price;
  if (const auto q = file.quantity("usd_per_hour")) {
    price.usd_per_hour = q->value;
    price.currency = q->currency;
  }
  const std::vector<double> spread = file.numbers("spread");
  if (spread.size() == 2) {
    price.low = spread[0];
    price.high = spread[1];
  }
  price.source = file.text("source").value_or("");
  price.date = file.text("date").value_or("");
  price.offers = file.sections("offers").size();
  if (const Section owned = file.section("owned"); owned.is_given()) {
    price.owned = read_owned(owned);
  }
  return price;
}

ListPrice read_list_price(const Section& file) {
  ListPrice price;
  price.name = file.text("name").value_or("");
  price.provider = file.text("provider").value_or("");
  price.model = file.text("model").value_or("");
  if (const Node* serves = file.find("serves"); serves != nullptr && serves->is_sequence()) {
    for (const Node& model : serves->items) {
      price.serves.push_back(model.text);
    }
  }
  price.currency = file.section("per_million").quantity("input").value_or(Quantity{}).currency;
  const auto step = [](const Section& prices, std::int64_t above) {
    const double input = prices.number("input").value_or(0);
    const std::optional<double> cached = prices.number("cached_input");
    return ListPriceStep{above, input, cached, prices.number("output").value_or(0)};
  };
  price.steps.push_back(step(file.section("per_million"), 0));
  for (const Section& prices : file.sections("long_context")) {
    price.steps.push_back(
        step(prices.section("per_million"), prices.whole("above_tokens").value_or(0)));
  }
  std::sort(price.steps.begin(), price.steps.end(),
            [](const ListPriceStep& a, const ListPriceStep& b) {
              return a.above_tokens < b.above_tokens;
            });
  price.source = file.text("source").value_or("");
  price.date = file.text("date").value_or("");
  price.note = file.text("note").value_or("");
  return price;
}

std::optional<LengthProfile> read_profile(const Section& file, Reporter& reporter) {
  const std::vector<double> p = file.numbers("probabilities");
  LengthProfile profile;
  profile.title = file.text("title").value_or("");
  profile.rank_correlation = file.number("rank_correlation").value_or(0);
  if (const Section like = file.section("like"); like.is_given()) {
    profile.arrivals = read_arrivals(like, reporter);
  }
  profile.input = quantile_lengths(p, file.numbers("input"));
  profile.output = quantile_lengths(p, file.numbers("output"));
  if (p.size() < 2 || p.front() != 0 || p.back() != 1 ||
      !std::is_sorted(p.begin(), p.end(), std::less_equal<>())) {
    reporter.error(file.span("probabilities"), "`probabilities` must rise from 0 to 1");
    return std::nullopt;
  }
  for (const auto& [key, lengths] :
       {std::pair("input", &profile.input), std::pair("output", &profile.output)}) {
    const std::vector<double>& values = lengths->values;
    if (values.size() != p.size() || !std::is_sorted(values.begin(), values.end())) {
      reporter.error(file.span(key),
                     fmt::format("`{}` must have {} values that never fall", key, p.size()));
      return std::nullopt;
    }
  }
  return profile;
}

}  // namespace penstock::config
