#include "tools/validation/rate_families.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tools/validation/drawn_lengths.h"

namespace penstock {
namespace {

using Points = std::vector<PublishedPoint>;

// ---- vLLM under Poisson load --------------------------------------------------------------------

/// Sorts points labelled "system, rate/s".
void sort_by_rate(std::vector<ComparedPoint>& points) {
  const auto key = [](const ComparedPoint& point) {
    const std::size_t comma = point.label.find(',');
    return std::pair(point.label.substr(0, comma), first_number(point.label.substr(comma)));
  };
  std::stable_sort(points.begin(), points.end(),
                   [&](const auto& a, const auto& b) { return key(a) < key(b); });
}

/// What the rates published for one request a second say: completed/s = n / (n / rate + one E2E).
constexpr std::uint64_t cost_meter_requests = 500;

ComparedFamily cost_meter(const Points& points, const std::string& gpu, const std::string& title) {
  ComparedFamily out;
  out.title = "vllm-cost-meter as " + title;
  out.points = for_family(points, "VCM", [&](const PublishedPoint& point) {
    return compared(cost_meter_label(point), point, play_cost_meter(point, gpu).summary);
  });
  sort_by_rate(out.points);
  return out;
}

/// The card is not certain: both are simulated, the likelier one is listed.
std::vector<ComparedFamily> cost_meter_cards(const Points& points) {
  std::vector<ComparedFamily> out{cost_meter(points, "h100-nvl", "H100 NVL"),
                                  cost_meter(points, "h100-sxm", "H100 SXM")};
  out[1].listed = false;
  out[1].counted = false;
  out[0].assumptions = fmt::format(
      "vLLM 0.19 serving Llama-3.1-8B, 512 tokens in and 256 out, open-loop Poisson (pChitral/"
      "vllm-cost-meter @3f308c03, arXiv 2606.11690). {} requests a run, which is what its "
      "published "
      "rates imply; arrivals stretched to the nominal rate, as `vllm bench serve` does. The paper "
      "says \"H100-80GB\", its price and power say H100 NVL: simulated as both. Chunked prefill is "
      "off, as in its configuration. `vllm-0.19-api` was fitted to these points, its 14 ms of "
      "front end to TTFT at 1 to 10 requests/s: in-sample. From 25/s on the measured TTFT has a "
      "queue in front of the engine, which is not simulated: one process tokenises, streams and, "
      "at the client, reads all answers.",
      cost_meter_requests);
  return out;
}

// ---- ShareGPT -----------------------------------------------------------------------------------

constexpr std::string_view lengths_are_drawn =
    "Only mean lengths are at hand: lengths are drawn around them as ShareGPT's spread. ";

ComparedFamily short_chats(const Points& points) {
  ComparedFamily out;
  out.title = "llm-inference-benchmarks, H100 PCIe";
  out.assumptions = fmt::format(
      "vLLM 0.8.5, 200 ShareGPT prompts at 1 to 32 requests/s (IOG-Foundation/"
      "llm-inference-benchmarks @4990a807). {}Throughput and makespan are not compared, as the "
      "drawn arrivals and the longest output decide them. `vllm-0.8-api` was fitted to these "
      "points, but for those of Gemma 2, its 2 ms of front end to TTFT at 1 to 16 requests/s: "
      "in-sample. This server and the one above differ by 12 ms.",
      lengths_are_drawn);
  out.points = for_family(points, "IOG", [&](const PublishedPoint& point) {
    return compared(fmt::format("{}, {:g}/s", point.model, first_number(point.load)), point,
                    play_short_chats(point).summary, "output_throughput_total");
  });
  sort_by_rate(out.points);
  return out;
}

ComparedFamily drained_queue(const Points& points) {
  ComparedFamily out;
  out.title = "vLLM, 1000 at once";
  out.assumptions = fmt::format(
      "Llama-3.1-8B on an H100, 1000 ShareGPT prompts at once (vllm-project/vllm pull request "
      "13305, March 2025), `vllm-0.8-api`. {}No parameter is known to have been fitted to it.",
      lengths_are_drawn);
  out.points = for_family(points, "VLLM", [&](const PublishedPoint& point) {
    if (point.metrics.contains("batch_latency")) {
      return ComparedPoint{};
    }
    std::vector<Request> requests(1000);
    draw_share_gpt(requests, first_number(point.isl), first_number(point.osl));
    const Run run = play(load_system(system_of(point, "preset: vllm-0.8-api")), requests);
    return compared("1000 requests", point, run.summary);
  });
  return out;
}

ComparedFamily sglang_benchmark(const Points& points) {
  ComparedFamily out;
  out.title = "SGLang 0.3 and vLLM 0.6";
  out.assumptions = fmt::format(
      "Llama-3.1-70B on four H100, ShareGPT (sgl-project/sglang benchmark_vllm_060 @120affb9), "
      "`sglang-0.3` and `vllm-0.6`; radix cache off. {}Means of 225 tokens in and 195 out; 300 "
      "requests at 4 and at 8 a second, 5000 at once. vLLM ran ten steps at a time, which is not "
      "simulated: on average a prompt waits for five of them, 120 to 150 ms, which is what its "
      "TTFT lacks. Both presets were fitted to these points with formulas, SGLang's 13 ms of front "
      "end to its TTFT: in-sample.",
      lengths_are_drawn);
  out.points = for_family(points, "SGL", [&](const PublishedPoint& point) {
    const bool at_once = point.mode.starts_with("offline");
    const double rate = at_once ? 1e6 : first_number(point.load);
    std::vector<Request> requests = poisson_requests(at_once ? 5000 : 300, rate, 1, 1);
    draw_share_gpt(requests, 225, 195);
    const std::string engine = point.engine.substr(0, point.engine.find(' '));
    const System system =
        system_of(point, fmt::format("preset: {}, max_model_len: 8192",
                                     engine == "vLLM" ? "vllm-0.6" : "sglang-0.3"));
    return compared(at_once ? engine + ", at once" : fmt::format("{}, {:g}/s", engine, rate), point,
                    play(load_system(system), requests).summary);
  });
  return out;
}

}  // namespace

Run play_cost_meter(const PublishedPoint& point, const std::string& gpu) {
  System system = system_of(point, "preset: vllm-0.19-api, enable_chunked_prefill: false");
  system.gpu = gpu;
  return play(load_system(system),
              poisson_requests(cost_meter_requests, first_number(point.load),
                               first_tokens(point.isl), first_tokens(point.osl)));
}

std::string cost_meter_label(const PublishedPoint& point) {
  return fmt::format("{}, {:g}/s", point.weights == "fp8" ? "fp8" : "bf16",
                     first_number(point.load));
}

Run play_short_chats(const PublishedPoint& point) {
  std::vector<Request> requests = poisson_requests(200, first_number(point.load), 1, 1);
  draw_share_gpt(requests, first_number(point.isl), first_number(point.osl));
  // Two cards hold 70e9 parameters in 16 bits only so.
  const bool is_tight = point.model.find("70B") != std::string::npos && point.weights != "fp8";
  return play(
      load_system(system_of(point, fmt::format("preset: vllm-0.8-api{}",
                                               is_tight ? ", gpu_memory_utilization: 0.95" : "")),
                  no_workload),
      requests);
}

std::vector<ComparedFamily> compare_rate_families(const Points& points) {
  std::vector<ComparedFamily> out = cost_meter_cards(points);
  out.push_back(short_chats(points));
  out.push_back(drained_queue(points));
  out.push_back(sglang_benchmark(points));
  return out;
}

}  // namespace penstock
