#include "sim/metrics/request_passes.h"

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

bool is_unfinished(RequestStatus status) {
  return status == RequestStatus::queued || status == RequestStatus::running;
}

/// Over a limit, if it can be said already. TPOT is known at the end only.
bool is_late(const RequestRecord& request, const Slo& slo, SimTime now) {
  const SimTime first = request.first_token.ps >= 0 ? request.first_token : now;
  return first - request.arrival > slo.ttft || now - request.arrival > slo.e2e;
}

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

/// Time per token of a request with several.
std::int64_t tpot_of(const RequestRecord& r) {
  const std::int64_t gaps = std::int64_t{r.output_tokens} - 1;
  return ((r.finish - r.first_token).ps + gaps / 2) / gaps;
}

/// The share of requests that a limit asks for; 0 without one.
double asked(const Slo& slo) { return slo.any() ? slo.attainment : 0.0; }

}  // namespace

RequestPasses::RequestPasses(const Scenario& scenario, const Result& result)
    : scenario_(scenario),
      result_(result),
      tallies_(scenario.workload.classes.size()),
      traffic_(scenario.engine) {
  for (std::size_t c = 0; c < tallies_.size(); ++c) {
    of_class_.emplace_back(asked(slo_of(scenario, c)));
  }
  if (tallies_.size() > 1) {
    all_.emplace(asked(scenario.slo));
  }
  tally();
  look_again();
}

void RequestPasses::tally() {
  for (const RequestRecord& request : result_.requests) {
    PENSTOCK_ASSERT(request.class_index < tallies_.size());
    Tally& tally = tallies_[request.class_index];
    count_status(request, tally.requests);
    if (request.status == RequestStatus::completed) {
      traffic_.add(request);
    }
    if (is_measured(request)) {
      see<&LatencySample::add>(request);
    }
    const Slo& slo = slo_of(scenario_, request.class_index);
    if (slo.any() && request.arrival >= scenario_.workload.warmup) {
      count_slo(request, slo, result_.duration, tally);
    }
  }
}

void RequestPasses::look_again() {
  for (Latencies& latencies : of_class_) {
    latencies.choose();
  }
  if (all_) {
    all_->choose();
  }
  for (const RequestRecord& request : result_.requests) {
    if (is_measured(request)) {
      see<&LatencySample::add_again>(request);
    }
  }
}

template <void (LatencySample::*look)(std::int64_t)>
void RequestPasses::see(const RequestRecord& request) {
  of_class_[request.class_index].see<look>(request);
  if (all_) {
    all_->see<look>(request);
  }
}

void RequestPasses::fill(Summary& summary) {
  for (std::size_t c = 0; c < tallies_.size(); ++c) {
    of_class_[c].fill(summary.classes[c]);
  }
  if (all_) {
    all_->fill(summary);
    return;
  }
  const ClassSummary& only = summary.classes.front();
  summary.ttft = only.ttft;
  summary.tpot = only.tpot;
  summary.e2e = only.e2e;
  summary.queue = only.queue;
}

template <void (LatencySample::*look)(std::int64_t)>
void RequestPasses::Latencies::see(const RequestRecord& request) {
  (ttft.*look)((request.first_token - request.arrival).ps);
  (e2e.*look)((request.finish - request.arrival).ps);
  (queue.*look)((request.first_scheduled - request.arrival).ps);
  if (request.output_tokens > 1) {
    (tpot.*look)(tpot_of(request));
  }
}

void RequestPasses::Latencies::choose() {
  for (LatencySample* sample : {&ttft, &tpot, &e2e, &queue}) {
    sample->choose();
  }
}

template <typename Into>
void RequestPasses::Latencies::fill(Into& summary) {
  summary.ttft = ttft.stats();
  summary.tpot = tpot.stats();
  summary.e2e = e2e.stats();
  summary.queue = queue.stats();
}

}  // namespace penstock
