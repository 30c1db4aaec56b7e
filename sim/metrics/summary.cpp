#include "sim/metrics/summary.h"

#include <algorithm>
#include <span>

#include "sim/core/assert.h"

namespace penstock {

bool is_good(const RequestRecord& request, const Slo& slo) {
  if (request.first_token - request.arrival > slo.ttft ||
      request.finish - request.arrival > slo.e2e) {
    return false;
  }
  if (request.output_tokens <= 1 || slo.tpot == Slo::none) {
    return true;
  }
  return Int128{(request.finish - request.first_token).ps} <=
         Int128{slo.tpot.ps} * (request.output_tokens - 1);
}

namespace {

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0.0; }

bool is_unfinished(RequestStatus status) {
  return status == RequestStatus::queued || status == RequestStatus::running;
}

/// Over a limit, if it can be said already. TPOT is known at the end only.
bool is_late(const RequestRecord& request, const Slo& slo, SimTime now) {
  const SimTime first = request.first_token.ps >= 0 ? request.first_token : now;
  return first - request.arrival > slo.ttft || now - request.arrival > slo.e2e;
}

/// What one pass over the requests adds up for a class.
struct Tally {
  RequestCounts requests;
  std::uint64_t measured = 0;        ///< completed and not warm-up
  std::uint64_t measured_multi = 0;  ///< of those, with more than one output token
  std::uint64_t good = 0;
  std::uint64_t counted = 0;
};

void count_status(const RequestRecord& request, RequestCounts& counts) {
  ++counts.arrived;
  counts.preemptions += request.preemptions;
  switch (request.status) {
    case RequestStatus::queued:
      ++counts.queued;
      break;
    case RequestStatus::running:
      ++counts.running;
      break;
    case RequestStatus::completed:
      ++counts.completed;
      break;
    case RequestStatus::rejected:
      ++counts.rejected;
      break;
    case RequestStatus::aborted:
      ++counts.aborted;
      break;
  }
}

void count_slo(const RequestRecord& request, const Slo& slo, SimTime now, Tally& tally) {
  if (request.status == RequestStatus::completed) {
    ++tally.counted;
    tally.good += is_good(request, slo) ? 1 : 0;
  } else if (!is_unfinished(request.status) || is_late(request, slo, now)) {
    ++tally.counted;
  }
}

std::vector<Tally> tally_requests(const Scenario& scenario, const Result& result) {
  std::vector<Tally> tallies(scenario.workload.classes.size());
  for (const RequestRecord& request : result.requests) {
    PENSTOCK_ASSERT(request.class_index < tallies.size());
    Tally& tally = tallies[request.class_index];
    count_status(request, tally.requests);
    if (request.arrival < scenario.workload.warmup) {
      continue;
    }
    if (request.status == RequestStatus::completed) {
      ++tally.measured;
      tally.measured_multi += request.output_tokens > 1 ? 1 : 0;
    }
    const Slo& slo = slo_of(scenario, request.class_index);
    if (slo.any()) {
      count_slo(request, slo, result.duration, tally);
    }
  }
  return tallies;
}

std::int64_t ttft(const RequestRecord& r) { return (r.first_token - r.arrival).ps; }
std::int64_t e2e(const RequestRecord& r) { return (r.finish - r.arrival).ps; }
std::int64_t queue(const RequestRecord& r) { return (r.first_scheduled - r.arrival).ps; }
std::int64_t tpot(const RequestRecord& r) {
  const std::int64_t gaps = std::int64_t{r.output_tokens} - 1;
  return ((r.finish - r.first_token).ps + gaps / 2) / gaps;
}

/// Fills the latency statistics of all classes and of the whole, metric by metric, with one
/// scratch vector in which each class has its own piece.
class LatencyPass {
 public:
  LatencyPass(const Scenario& scenario, const Result& result, const std::vector<Tally>& tallies)
      : scenario_(scenario), result_(result), tallies_(tallies), next_(tallies.size()) {}

  void run(Summary& summary) {
    fill<ttft>(summary, &Summary::ttft, &ClassSummary::ttft, &Tally::measured);
    fill<tpot>(summary, &Summary::tpot, &ClassSummary::tpot, &Tally::measured_multi);
    fill<e2e>(summary, &Summary::e2e, &ClassSummary::e2e, &Tally::measured);
    fill<queue>(summary, &Summary::queue, &ClassSummary::queue, &Tally::measured);
  }

 private:
  template <std::int64_t (*latency)(const RequestRecord&)>
  void fill(Summary& summary, LatencyStats Summary::*total, LatencyStats ClassSummary::*of_class,
            std::uint64_t Tally::*count) {
    std::size_t values = 0;
    for (std::size_t c = 0; c < tallies_.size(); ++c) {
      next_[c] = values;
      values += tallies_[c].*count;
    }
    scratch_.resize(values);
    const bool multi_only = count == &Tally::measured_multi;
    for (const RequestRecord& request : result_.requests) {
      if (request.status == RequestStatus::completed &&
          request.arrival >= scenario_.workload.warmup &&
          (!multi_only || request.output_tokens > 1)) {
        scratch_[next_[request.class_index]++] = latency(request);
      }
    }
    finish(summary, total, of_class, count);
  }

  /// From the filled scratch. The whole comes from a copy, because statistics spoil the values.
  void finish(Summary& summary, LatencyStats Summary::*total, LatencyStats ClassSummary::*of_class,
              std::uint64_t Tally::*count) {
    if (tallies_.size() == 1) {
      summary.*total = latency_stats(scratch_, asked(slo_of(scenario_, 0)));
      summary.classes.front().*of_class = summary.*total;
      return;
    }
    std::vector<std::int64_t> piece;
    for (std::size_t c = 0; c < tallies_.size(); ++c) {
      const std::size_t size = tallies_[c].*count;
      const auto end = scratch_.begin() + static_cast<std::ptrdiff_t>(next_[c]);
      piece.assign(end - static_cast<std::ptrdiff_t>(size), end);
      summary.classes[c].*of_class = latency_stats(piece, asked(slo_of(scenario_, c)));
    }
    summary.*total = latency_stats(scratch_, asked(scenario_.slo));
  }

  static double asked(const Slo& slo) { return slo.any() ? slo.attainment : 0.0; }

  const Scenario& scenario_;
  const Result& result_;
  const std::vector<Tally>& tallies_;
  std::vector<std::size_t> next_;
  std::vector<std::int64_t> scratch_;
};

SloVerdict make_verdict(const Slo& limits, std::uint64_t good, std::uint64_t counted,
                        double measured_s) {
  SloVerdict verdict;
  verdict.limits = limits;
  verdict.good = good;
  verdict.counted = counted;
  verdict.attainment = counted > 0 ? static_cast<double>(good) / static_cast<double>(counted) : 1.0;
  verdict.goodput_requests_per_s = ratio(static_cast<double>(good), measured_s);
  verdict.met = verdict.attainment >= limits.attainment;
  return verdict;
}

void add(RequestCounts& sum, const RequestCounts& more) {
  sum.arrived += more.arrived;
  sum.completed += more.completed;
  sum.rejected += more.rejected;
  sum.aborted += more.aborted;
  sum.running += more.running;
  sum.queued += more.queued;
  sum.preemptions += more.preemptions;
}

/// Names, counts, tokens and verdicts of the classes, and their sums.
void summarize_classes(const Scenario& scenario, const Result& result,
                       const std::vector<Tally>& tallies, Summary& summary) {
  std::uint64_t good = 0;
  std::uint64_t counted = 0;
  bool all_met = true;
  bool any_limit = false;
  // What arrives in the warm-up is not judged: its time does not count either.
  const double measured_s = summary.duration_s - scenario.workload.warmup.seconds();
  summary.classes.resize(tallies.size());
  for (std::size_t c = 0; c < tallies.size(); ++c) {
    ClassSummary& traffic = summary.classes[c];
    traffic.name = scenario.workload.classes[c].name;
    traffic.requests = tallies[c].requests;
    if (c < result.ledger.classes.size()) {
      const LedgerTotals::ClassAccounts& ledger = result.ledger.classes[c];
      traffic.tokens = {ledger.input_tokens, ledger.cached_input_tokens, ledger.output_tokens,
                        ledger.recomputed_tokens, ledger.aborted_tokens};
    }
    const Slo& slo = slo_of(scenario, c);
    if (slo.any()) {
      traffic.slo = make_verdict(slo, tallies[c].good, tallies[c].counted, measured_s);
      any_limit = true;
      all_met = all_met && traffic.slo->met;
      good += tallies[c].good;
      counted += tallies[c].counted;
    }
    add(summary.requests, traffic.requests);
    summary.tokens.input += traffic.tokens.input;
    summary.tokens.cached_input += traffic.tokens.cached_input;
    summary.tokens.output += traffic.tokens.output;
    summary.tokens.recomputed += traffic.tokens.recomputed;
    summary.tokens.aborted += traffic.tokens.aborted;
  }
  if (any_limit) {
    const Slo& limits = tallies.size() == 1 ? slo_of(scenario, 0) : scenario.slo;
    summary.slo = make_verdict(limits, good, counted, measured_s);
    summary.slo->met = all_met && counted > 0;  // nothing measured shows nothing
  }
  summary.requests.preemptions = static_cast<std::uint64_t>(result.preemptions);
}

/// All replicas together; busy time apart, because only it could overflow.
SeriesPoint total_work(const Result& result) {
  SeriesPoint sum;
  for (const ReplicaResult& replica : result.replicas) {
    const SeriesPoint& one = replica.total;
    sum.running_ps += one.running_ps;
    sum.waiting_ps += one.waiting_ps;
    sum.blocks_ps += one.blocks_ps;
    sum.steps += one.steps;
    sum.sequences += one.sequences;
    sum.tokens += one.tokens;
    sum.rows += one.rows;
    sum.sampling_steps += one.sampling_steps;
    sum.pairs += one.pairs;
    sum.kv_read += one.kv_read;
    sum.window_pairs += one.window_pairs;
    sum.window_read += one.window_read;
    sum.expert_bytes += one.expert_bytes;
    sum.all_tokens += one.all_tokens;
  }
  return sum;
}

/// A share that physics keeps at or below 1; above it by more than rounding is a bug of ours.
double checked_share(double share) {
  PENSTOCK_ASSERT(share <= 1 + 1e-6);
  return std::min(share, 1.0);
}

UtilizationSummary utilization(const Scenario& scenario, const Result& result,
                               const SeriesPoint& work) {
  UtilizationSummary u;
  const Int128 wall = result.ledger.wall;
  const double wall_ps = to_double(wall);
  const auto blocks = static_cast<double>(scenario.engine.num_gpu_blocks);
  Int128 busy = 0;
  for (const ReplicaResult& replica : result.replicas) {
    busy += replica.total.busy_ps;
    u.kv_peak = std::max(u.kv_peak, ratio(static_cast<double>(replica.blocks_peak), blocks));
    u.batch_peak = std::max(u.batch_peak, static_cast<double>(replica.batch_peak));
  }
  u.busy = checked_share(ratio(to_double(busy), wall_ps));
  u.kv_mean = checked_share(ratio(to_double(work.blocks_ps), wall_ps * blocks));
  u.steps = static_cast<std::uint64_t>(work.steps);
  u.batch_mean = ratio(static_cast<double>(work.sequences), static_cast<double>(work.steps));
  if (scenario.cluster.engines_per_replica() > 1 && busy > 0) {
    auto& wait = scenario.cluster.data_parallel > 1 ? u.rank_wait : u.stage_wait;
    wait = to_double(busy - (wall - result.ledger.idle)) / to_double(busy);
  }
  if (scenario.step_model.kind == StepModelSpec::Kind::roofline) {
    u.mfu = checked_share(flop_utilization(work, result.peak, wall));
    u.mbu = checked_share(byte_utilization(work, result.peak, wall));
  }
  return u;
}

std::optional<Bottleneck> bottleneck(const Result& result) {
  static constexpr std::array<const char*, 3> phases{"decode", "prefill", "mixed"};
  static constexpr std::array<const char*, resource_count> resources{
      "compute", "memory bandwidth", "communication", "latency", "cpu"};
  Int128 busy = 0;
  Int128 largest = 0;
  Bottleneck found;
  for (std::size_t phase = 0; phase < phases.size(); ++phase) {
    for (std::size_t resource = 0; resource < resource_count; ++resource) {
      const Int128 time = result.bound[phase][resource];
      busy += time;
      if (time > largest) {
        largest = time;
        found.phase = phases[phase];
        found.resource = resources[resource];
      }
    }
  }
  if (largest == 0) {
    return std::nullopt;
  }
  found.share = to_double(largest) / to_double(busy);
  return found;
}

void fill_throughput(const Scenario& scenario, Summary& summary) {
  const double seconds = summary.duration_s;
  const TokenCounts& tokens = summary.tokens;
  const double gpus = static_cast<double>(scenario.cluster.replicas) *
                      static_cast<double>(scenario.cluster.gpus_per_replica());
  const auto output = static_cast<double>(tokens.output);
  summary.requests_per_s = ratio(static_cast<double>(summary.requests.completed), seconds);
  summary.input_tokens_per_s = ratio(static_cast<double>(tokens.input), seconds);
  summary.output_tokens_per_s = ratio(output, seconds);
  summary.total_tokens_per_s =
      ratio(static_cast<double>(tokens.input + tokens.cached_input) + output, seconds);
  summary.output_tokens_per_s_per_gpu = ratio(output, seconds * gpus);
}

}  // namespace

const Slo& slo_of(const Scenario& scenario, std::size_t class_index) {
  const std::optional<Slo>& own = scenario.workload.classes.at(class_index).slo;
  return own ? *own : scenario.slo;
}

double flop_utilization(const SeriesPoint& work, const PeakTimes& peak, Int128 wall) {
  const double useful = static_cast<double>(work.tokens) * peak.token_flop +
                        static_cast<double>(work.rows) * peak.row_flop +
                        to_double(work.pairs) * peak.pair_flop +
                        to_double(work.window_pairs) * peak.window_pair_flop;
  return ratio(useful, to_double(wall));
}

double byte_utilization(const SeriesPoint& work, const PeakTimes& peak, Int128 wall) {
  const double moved =
      static_cast<double>(work.steps) * peak.step_bytes +
      static_cast<double>(work.sampling_steps) * peak.head_bytes +
      static_cast<double>(work.all_tokens) * peak.token_bytes +
      static_cast<double>(work.rows) * peak.row_bytes + to_double(work.kv_read) * peak.kv_bytes +
      to_double(work.window_read) * peak.window_kv_bytes +
      static_cast<double>(work.sequences) * peak.sequence_bytes + to_double(work.expert_bytes);
  return ratio(moved, to_double(wall));
}

bool slo_met(const Summary& summary) { return !summary.slo || summary.slo->met; }

Summary summarize(const Scenario& scenario, const Result& result) {
  Summary summary;
  summary.duration_s = static_cast<double>(result.duration.ps) / 1e12;
  const std::vector<Tally> tallies = tally_requests(scenario, result);
  summarize_classes(scenario, result, tallies, summary);
  LatencyPass(scenario, result, tallies).run(summary);
  summary.itl = latency_stats(result.gaps, 0);
  fill_throughput(scenario, summary);
  const SeriesPoint work = total_work(result);
  summary.utilization = utilization(scenario, result, work);
  if (scenario.engine.enable_prefix_caching) {
    const auto prompt = static_cast<double>(summary.tokens.input + summary.tokens.cached_input);
    summary.utilization.prefix_hit_rate =
        ratio(static_cast<double>(summary.tokens.cached_input), prompt);
    if (scenario.engine.host_blocks > 0) {
      summary.utilization.offload_hit_rate =
          ratio(static_cast<double>(result.host_hit_tokens), prompt);
    }
  }
  const auto duration = static_cast<double>(result.duration.ps);
  summary.mean_waiting = ratio(to_double(work.waiting_ps), duration);
  summary.mean_in_system = summary.mean_waiting + ratio(to_double(work.running_ps), duration);
  summary.bottleneck = bottleneck(result);
  if (scenario.engine.speculative.on()) {
    summary.speculative = speculative_summary(scenario, result);
  }
  summary.bill = make_bill(scenario, result);
  summary.energy = measure_energy(scenario, result, summary.bill);
  summary.bases = price_bases(scenario.prices, summary.bill, summary.energy);
  summary.load = assess_load(scenario, result, summary.requests_per_s);
  return summary;
}

}  // namespace penstock
