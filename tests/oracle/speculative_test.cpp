// Speculative decoding against a plain simulator that draws for each draft whether it is accepted.
// Penstock lets all sequences grow at the mean pace, and draws how many steps each takes.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "sim/core/rng.h"
#include "tests/support/engine_probe.h"

namespace penstock {
namespace {

struct Load {
  std::vector<double> acceptance;
  probe::EngineLimits limits;
  probe::LinearStep step;
  std::vector<Request> requests;
};

struct Outcome {
  std::vector<double> tpot;  ///< seconds, sorted
  std::vector<double> e2e;
  double duration = 0;
  double kv_mean = 0;  ///< blocks held, over time
};

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) {
    sum += value;
  }
  return sum / static_cast<double>(values.size());
}

double quantile(const std::vector<double>& sorted, double q) {
  return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1))];
}

double off(double got, double want) { return std::abs(got / want - 1); }

/// The rules of an engine for first come, first served, a pool that is never full, synchronous
/// scheduling. vLLM V1: decodes and pieces of prompts in order of arrival, within a budget. SGLang
/// (scheduler-semantics 2.5.2): prompts alone while there are any, else decodes. TensorRT-LLM
/// (2.6): decodes, then whole prompts within what is left of the budget.
class PlainSpeculation {
 public:
  PlainSpeculation(const Load& load, std::uint64_t seed) : load_(load), rng_(seed, "plain") {}

  Outcome run() {
    std::size_t arrived = 0;
    while (arrived < load_.requests.size() || !running_.empty() || !waiting_.empty()) {
      if (running_.empty() && waiting_.empty()) {
        now_ = std::max(now_, load_.requests[arrived].arrival);
      }
      while (arrived < load_.requests.size() && load_.requests[arrived].arrival <= now_) {
        waiting_.push_back({arrived++, 0, 0, 0, {}});
      }
      step();
    }
    out_.duration = now_.seconds();
    out_.kv_mean /= now_.seconds();
    std::sort(out_.tpot.begin(), out_.tpot.end());
    std::sort(out_.e2e.begin(), out_.e2e.end());
    return out_;
  }

 private:
  struct Live {
    std::size_t request = 0;
    std::int64_t computed = 0;
    std::int64_t emitted = 0;
    std::int64_t tokens = 0;  ///< of this step
    SimTime first;
  };

  void step() {
    schedule();
    std::int64_t time = load_.step.base;
    double blocks = 0;
    for (Live& live : running_) {
      const bool prefills = is_prompt(live);
      if (live.tokens == 0) {
        blocks += static_cast<double>(blocks_held(live.computed));
        continue;
      }
      time += load_.step.per_token * (prefills ? live.tokens : 1);
      time += load_.step.per_kv * (live.computed + (prefills ? live.tokens : 1));
      blocks += static_cast<double>(blocks_held(live.computed + live.tokens));
    }
    now_ += SimTime{time};
    out_.kv_mean += blocks * static_cast<double>(time) / 1e12;
    for (Live& live : running_) {
      advance(live);
    }
    std::erase_if(running_, [this](const Live& live) {
      return live.emitted >= load_.requests[live.request].output_tokens;
    });
  }

  bool is_prompt(const Live& live) const {
    return live.computed < load_.requests[live.request].input_tokens;
  }

  void schedule() {
    budget_ = load_.limits.max_num_batched_tokens;
    const std::string_view scheduler = load_.limits.scheduler;
    if (scheduler == "sglang") {
      give_prompts(true);
      admit(false);
      const bool extends = budget_ < load_.limits.max_num_batched_tokens;
      for (Live& live : running_) {
        live.tokens = extends ? (is_prompt(live) ? live.tokens : 0) : rows_;
      }
    } else if (scheduler == "tensorrt_llm") {
      for (Live& live : running_) {
        give(live, rows_);
      }
      admit(true);
    } else {
      give_prompts(false);
      admit(false);
    }
  }

  void give(Live& live, std::int64_t want) {
    live.tokens = std::min(want, budget_);
    budget_ -= live.tokens;
  }
  std::int64_t left_of(const Live& live) const {
    return load_.requests[live.request].input_tokens - live.computed;
  }
  /// Who runs already: prompts, and decodes too unless they are `alone`.
  void give_prompts(bool alone) {
    for (Live& live : running_) {
      if (is_prompt(live)) {
        give(live, left_of(live));
      } else if (!alone) {
        give(live, rows_);
      }
    }
  }
  /// `whole`: a prompt that does not fit ends it.
  void admit(bool whole) {
    while (!waiting_.empty() && budget_ > 0 &&
           static_cast<std::int64_t>(running_.size()) < load_.limits.max_num_seqs &&
           !(whole && left_of(waiting_.front()) > budget_)) {
      running_.push_back(waiting_.front());
      waiting_.pop_front();
      give(running_.back(), left_of(running_.back()));
    }
  }

  std::int64_t blocks_held(std::int64_t positions) const {
    return (positions + load_.limits.block_size - 1) / load_.limits.block_size;
  }

  void advance(Live& live) {
    const Request& request = load_.requests[live.request];
    if (is_prompt(live)) {
      live.computed += live.tokens;
      if (live.computed < request.input_tokens) {
        return;
      }
      live.emitted = 1;
      live.first = now_;
    } else if (live.tokens > 0) {
      std::int64_t tokens = 1;
      for (std::int64_t draft = 0; draft + 1 < live.tokens; ++draft) {
        if (rng_.uniform() >= load_.acceptance[static_cast<std::size_t>(draft)]) {
          break;
        }
        ++tokens;
      }
      live.computed += tokens;
      live.emitted += tokens;
    }
    if (live.emitted >= request.output_tokens) {
      out_.e2e.push_back((now_ - request.arrival).seconds());
      if (request.output_tokens > 1) {
        out_.tpot.push_back((now_ - live.first).seconds() /
                            static_cast<double>(request.output_tokens - 1));
      }
    }
  }

  const Load& load_;
  std::int64_t rows_ = static_cast<std::int64_t>(load_.acceptance.size()) + 1;
  std::int64_t budget_ = 0;
  Rng rng_;
  SimTime now_;
  std::deque<Live> waiting_;
  std::vector<Live> running_;
  Outcome out_;
};

Outcome run_penstock(const Load& load, std::uint64_t seed) {
  Scenario scenario = probe::scenario(load.limits);
  scenario.engine.speculative.method = SpeculativeSpec::Method::ngram;
  scenario.engine.speculative.acceptance = load.acceptance;
  scenario.seed = seed;
  SimulationOptions options;
  options.make_model = [&] { return probe::make_linear_model(load.step); };
  probe::ListSource source(load.requests);
  const Result result = simulate(scenario, source, options);
  Outcome out;
  for (const RequestRecord& r : result.requests) {
    out.e2e.push_back((r.finish - r.arrival).seconds());
    if (r.output_tokens > 1) {
      out.tpot.push_back((r.finish - r.first_token).seconds() / (r.output_tokens - 1));
    }
  }
  std::sort(out.tpot.begin(), out.tpot.end());
  std::sort(out.e2e.begin(), out.e2e.end());
  out.duration = result.duration.seconds();
  out.kv_mean =
      static_cast<double>(result.replicas[0].total.blocks_ps) / 1e12 / result.duration.seconds();
  return out;
}

Load make_load(std::vector<double> acceptance, double gap_s, std::int64_t longest_output) {
  Load load{.acceptance = std::move(acceptance), .limits = {}, .step = {}, .requests = {}};
  load.limits.max_num_batched_tokens = 2048;
  load.limits.max_num_seqs = 64;
  load.step = {.base = 8'000'000'000, .per_token = 20'000'000, .per_kv = 30'000};
  Rng rng(5, "speculative load");
  double at = 0;
  for (int i = 0; i < 3000; ++i) {
    at += rng.exponential(gap_s);
    Request r = probe::request(at, 1, 1);
    r.input_tokens = 50 + static_cast<std::int64_t>(rng.below(900));
    r.output_tokens =
        1 + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(longest_output)));
    load.requests.push_back(r);
  }
  return load;
}

/// Takes the requests of one run more.
void add(const Outcome& run, Outcome& all) {
  const auto merge = [](const std::vector<double>& from, std::vector<double>& to) {
    to.insert(to.end(), from.begin(), from.end());
    std::sort(to.begin(), to.end());
  };
  merge(run.tpot, all.tpot);
  merge(run.e2e, all.e2e);
  all.duration += run.duration;
  all.kv_mean += run.kv_mean;
}

/// `tail`: of the 99th percentile of TPOT, which prompts beside short outputs make noisy. Other
/// bounds: those stated in docs/speculative.md.
void compare_with_drafts(std::string_view scheduler, std::uint64_t runs, double tail) {
  const std::vector<std::pair<std::vector<double>, double>> cases{
      {{0.7}, 0.06}, {{0.7, 0.7, 0.7}, 0.05}, {{0.9, 0.6, 0.3, 0.1}, 0.04}, {{0.4, 0.4}, 0.2}};
  for (const auto& [acceptance, gap_s] : cases) {
    for (const std::int64_t longest : {40, 300}) {
      Load load = make_load(acceptance, gap_s * static_cast<double>(longest) / 300, longest);
      load.limits.scheduler = scheduler;
      load.limits.chunked_prefill = scheduler != "tensorrt_llm";
      const std::size_t drafts = acceptance.size();
      CAPTURE(scheduler);
      CAPTURE(drafts);
      CAPTURE(longest);
      Outcome want;
      Outcome got;
      for (std::uint64_t seed = 0; seed < runs; ++seed) {
        add(PlainSpeculation(load, 100 + seed).run(), want);
        add(run_penstock(load, 200 + seed), got);
      }
      REQUIRE(want.e2e.size() == got.e2e.size());
      CHECK(off(mean(got.tpot), mean(want.tpot)) <= 0.02);
      CHECK(off(quantile(got.tpot, 0.5), quantile(want.tpot, 0.5)) <= 0.02);
      CHECK(off(quantile(got.tpot, 0.99), quantile(want.tpot, 0.99)) <= tail);
      CHECK(off(mean(got.e2e), mean(want.e2e)) <= 0.02);
      CHECK(off(quantile(got.e2e, 0.99), quantile(want.e2e, 0.99)) <= 0.03);
      CHECK(off(got.duration, want.duration) <= 0.005);
      CHECK(off(got.kv_mean, want.kv_mean) <= 0.02);
    }
  }
}

TEST_CASE("speculation against draft by draft: means, tails, throughput, blocks") {
  compare_with_drafts("vllm_v1", 4, 0.03);
}

TEST_CASE("speculation against draft by draft: SGLang, which drafts between prompts") {
  compare_with_drafts("sglang", 4, 0.05);
}

TEST_CASE("speculation against draft by draft: TensorRT-LLM, decodes first") {
  compare_with_drafts("tensorrt_llm", 4, 0.05);
}

}  // namespace
}  // namespace penstock
