#include "sim/cluster/cluster.h"

#include <algorithm>

#include "sim/core/assert.h"
#include "sim/engine/scheduler.h"

namespace penstock {

Cluster::Cluster(const Scenario& scenario, const SimulationOptions& options, RequestSource& source)
    : scenario_(scenario),
      options_(options),
      source_(source),
      accounts_(scenario.workload.classes.size(), scenario.prices.rule == CostRule::occupancy,
                options.attribution),
      model_(options.make_model ? options.make_model() : make_step_model(scenario)),
      router_(find_router(scenario.cluster.router).make(scenario)),
      needs_(find_router(scenario.cluster.router).needs),
      views_(static_cast<std::size_t>(scenario.cluster.replicas)),
      next_scrape_(needs_.scrapes ? SimTime{} : SimTime::never()),
      events_(static_cast<std::uint32_t>(scenario.cluster.replicas)) {
  PENSTOCK_ASSERT(scenario.cluster.replicas > 0 && scenario.cluster.replicas <= UINT16_MAX);
  PENSTOCK_ASSERT(!scenario.workload.classes.empty() && scenario.engine.num_gpu_blocks > 0);
  for (std::uint16_t r = 0; r < scenario.cluster.replicas; ++r) {
    replicas_.push_back(std::make_unique<Replica>(
        r, scenario, options, SharedRecords{result_.requests, accounts_, gaps_, result_, *model_}));
  }
}

RejectReason Cluster::refusal(const Request& request) const {
  // scheduler-semantics 1.5.6: at least one token must fit after the prompt.
  const EngineSpec& engine = scenario_.engine;
  if (request.input_tokens >= engine.max_model_len) {
    return RejectReason::prompt_too_long;
  }
  const std::int64_t output =
      std::min(request.output_tokens, engine.max_model_len - request.input_tokens);
  return find_scheduler(engine.scheduler)->refuse(engine, request.input_tokens, output);
}

void Cluster::scrape(SimTime now) {
  if (now < next_scrape_) {
    return;
  }
  const SimTime interval = scenario_.cluster.scrape_interval;
  const SimTime at{now.ps - (now - next_scrape_).ps % interval.ps};
  for (std::size_t r = 0; r < replicas_.size(); ++r) {
    const ReplicaLoad load = replicas_[r]->load(at);
    views_[r].waiting = load.waiting;
    views_[r].running = load.running;
    views_[r].kv_usage = static_cast<double>(load.held_blocks) /
                         static_cast<double>(scenario_.engine.num_gpu_blocks);
  }
  next_scrape_ = at + interval;
}

std::size_t Cluster::route(const Request& request, SimTime now) {
  RoutedRequest routed{.input_tokens = request.input_tokens, .session = request.session};
  if (needs_.keys) {
    routed.keys = block_keys(request.content, request.input_tokens, scenario_.engine.block_size);
  }
  for (std::size_t r = 0; needs_.events && r < replicas_.size(); ++r) {
    const ReplicaLoad load = replicas_[r]->load(now);
    views_[r].pending_tokens = load.pending_tokens;
    views_[r].held_blocks = load.held_blocks;
    views_[r].cached_blocks = replicas_[r]->cached_blocks(routed.keys);
  }
  return router_->route(routed, views_);
}

void Cluster::refuse(RequestRecord& record, RejectReason reason, std::uint64_t tag, SimTime now) {
  record.reject_reason = reason;
  record.status = RequestStatus::rejected;
  record.finish = now;
  depart(record, tag, now);
}

void Cluster::arrive(const Request& request, SimTime now) {
  scrape(now);
  PENSTOCK_ASSERT(request.input_tokens >= 1 && request.output_tokens >= 1);
  const auto id = static_cast<std::uint32_t>(result_.requests.size());
  RequestRecord& record = result_.requests.emplace_back();
  record.arrival = now;
  record.input_tokens = static_cast<std::uint32_t>(request.input_tokens);
  record.class_index = request.class_index;
  const RejectReason reason = refusal(request);
  if (reason != RejectReason::none) {
    refuse(record, reason, request.tag, now);
    return;
  }
  const std::size_t chosen = route(request, now);
  const std::int64_t queue = scenario_.engine.max_queued_requests;
  if (queue > 0 && replicas_[chosen]->queued() >= queue) {
    record.replica = static_cast<std::uint16_t>(chosen);
    refuse(record, RejectReason::queue_full, request.tag, now);
    return;
  }
  if (request.tag != 0) {
    tags_.emplace(id, request.tag);
  }
  const std::int64_t output =
      std::min(request.output_tokens, scenario_.engine.max_model_len - request.input_tokens);
  result_.truncated += output < request.output_tokens ? 1 : 0;
  ++views_[chosen].outstanding;
  Sequence sequence;
  sequence.id = id;
  sequence.prompt = request.input_tokens;
  sequence.output = output;
  sequence.arrival = now;
  sequence.priority = request.priority;
  sequence.class_index = request.class_index;
  const SimTime timeout = scenario_.workload.classes[request.class_index].timeout;
  sequence.deadline = timeout == SimTime::never() ? timeout : now + timeout;
  sequence.measured = now >= scenario_.workload.warmup;
  Replica& replica = *replicas_[chosen];
  const auto index = static_cast<std::uint32_t>(chosen);
  if (replica.submit(sequence, request.content, now)) {
    events_.set(index, replica.run_end(), EventKind::step_end);
  } else if (!replica.busy()) {
    events_.set(index, now, EventKind::step_start);
  }
}

void Cluster::end_step(std::uint32_t index, SimTime now) {
  scrape(now);
  Replica& replica = *replicas_[index];
  finished_.clear();
  replica.end(now, finished_);
  events_.set(index, now, EventKind::step_start);
  leave(index, now);
}

void Cluster::leave(std::uint32_t index, SimTime now) {
  views_[index].outstanding -= static_cast<std::int64_t>(finished_.size());
  for (const std::uint32_t id : finished_) {
    depart(result_.requests[id], take_tag(id), now);
  }
}

std::uint64_t Cluster::take_tag(std::uint32_t id) {
  if (tags_.empty()) {
    return 0;
  }
  const auto found = tags_.extract(id);
  return found ? found.mapped() : 0;
}

void Cluster::depart(const RequestRecord& record, std::uint64_t tag, SimTime now) {
  ++departed_;
  source_.on_departure({.class_index = record.class_index,
                        .tag = tag,
                        .at = now,
                        .rejected = record.status != RequestStatus::completed});
  if (options_.keep_going && !options_.keep_going(record)) {
    gave_up_ = true;
  }
}

void Cluster::start_step(std::uint32_t index, SimTime now, SimTime until) {
  scrape(now);
  Replica& replica = *replicas_[index];
  if (now < until) {
    // A leap ends where the clock does, as single steps would.
    replica.start(now, std::min(until, SimTime::max() + SimTime{1}));
    if (replica.has_aborted()) {
      finished_.clear();
      replica.take_aborted(finished_);
      leave(index, now);
    }
  }
  if (replica.busy()) {
    events_.set(index, replica.run_end(), EventKind::step_end);
  } else if (now < until && replica.wake() != SimTime::never()) {
    events_.set(index, replica.wake(), EventKind::step_start);
  } else {
    // Work conservation: an idle replica with a queue would never wake again.
    PENSTOCK_ASSERT(now >= until || !replica.waiting());
    events_.clear(index);
  }
}

void Cluster::cut_leaps(SimTime now) {
  for (std::uint32_t r = 0; r < replicas_.size(); ++r) {
    if (replicas_[r]->cut(now)) {
      events_.set(r, replicas_[r]->run_end(), EventKind::step_end);
    }
  }
}

Result Cluster::close(SimTime end, StopReason reason) {
  Int128 busy = 0;
  SimTime interval;
  for (auto& replica : replicas_) {
    replica->close(end);
    replica->recorder().advance(end);
    interval = std::max(interval, replica->recorder().interval());
    busy += replica->busy_ps();
    result_.preemptions += replica->preemptions();
    result_.host_hit_tokens += replica->host_hit_tokens();
  }
  for (auto& replica : replicas_) {
    result_.replicas.push_back(replica->recorder().finish(end, interval));
    result_.steps += result_.replicas.back().total.steps;
  }
  LedgerTotals& ledger = accounts_.totals();
  ledger.wall = static_cast<Int128>(end.ps) * scenario_.cluster.replicas;
  ledger.idle = ledger.wall - busy;
  check_conservation(busy);
  result_.ledger = ledger;
  result_.gaps = gaps_.statistics();
  result_.series_interval = interval;
  result_.duration = end;
  result_.stop = reason;
  result_.peak = model_->peak_times();
  return std::move(result_);
}

void Cluster::check_conservation(Int128 busy) const {
  const LedgerTotals& ledger = accounts_.totals();
  Int128 booked = 0;
  for (const LedgerTotals::ClassAccounts& account : ledger.classes) {
    booked += account.recompute + account.aborted;
    for (const LedgerTotals::ByCause& causes : account.accounts) {
      for (const Int128 amount : causes) {
        PENSTOCK_ASSERT(amount >= 0);
        booked += amount;
      }
    }
  }
  PENSTOCK_ASSERT(booked == (accounts_.open() ? busy : 0));
  PENSTOCK_ASSERT(ledger.idle >= 0);
}

}  // namespace penstock
