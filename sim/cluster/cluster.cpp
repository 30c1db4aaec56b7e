#include "sim/cluster/cluster.h"

#include <algorithm>

#include "sim/core/assert.h"
#include "sim/engine/scheduler.h"
#include "sim/step/paced.h"
#include "sim/step/roofline.h"
#include "sim/step/speculative.h"

namespace penstock {

namespace {

/// vLLM's coordinator tells the front end the counts of all ranks so often.
constexpr SimTime publication_interval = SimTime::from_milliseconds(100);

std::unique_ptr<StepModel> model_for(const Scenario& scenario, const SimulationOptions& options) {
  if (options.make_model) {
    return options.make_model();
  }
  const bool has_ranks = scenario.cluster.data_parallel > 1 &&
                         scenario.step_model.kind == StepModelSpec::Kind::roofline;
  return !has_ranks                         ? make_step_model(scenario)
         : scenario.engine.speculative.on() ? make_speculative_rank_model(scenario)
                                            : make_rank_model(scenario);
}

std::unique_ptr<TogetherModel> together_for(const Scenario& scenario,
                                            const SimulationOptions& options) {
  return scenario.cluster.data_parallel > 1 && !options.make_model &&
                 scenario.step_model.kind == StepModelSpec::Kind::roofline
             ? std::make_unique<TogetherModel>(scenario)
             : nullptr;
}

/// When something is due that happens every `interval` since `next`, at `now` at the latest: the
/// last time.
SimTime last_due(SimTime now, SimTime next, SimTime interval) {
  return {now.ps - (now - next).ps % interval.ps};
}

}  // namespace

Cluster::Cluster(const Scenario& scenario, const SimulationOptions& options, RequestSource& source)
    : scenario_(scenario),
      options_(options),
      source_(source),
      accounts_(scenario.workload.classes.size(), scenario.prices.rule == CostRule::occupancy,
                options.attribution),
      acceptance_(scenario.engine.speculative.on()
                      ? std::make_unique<AcceptanceLaw>(scenario.engine.speculative.acceptance)
                      : nullptr),
      model_(model_for(scenario, options)),
      together_(together_for(scenario, options)),
      router_(find_router(scenario.cluster.router).make(scenario)),
      ranks_(static_cast<std::size_t>(scenario.cluster.engines_per_replica())),
      lanes_(static_cast<std::size_t>(scenario.cluster.pipeline_parallel)),
      needs_(find_router(scenario.cluster.router).needs),
      views_(static_cast<std::size_t>(scenario.cluster.replicas)),
      next_scrape_(needs_.scrapes ? SimTime{} : SimTime::never()),
      next_publication_(scenario.cluster.data_parallel > 1 ? SimTime{} : SimTime::never()),
      next_look_(std::min(next_scrape_, next_publication_)),
      events_(static_cast<std::uint32_t>(scenario.cluster.replicas)) {
  if (acceptance_) {
    PENSTOCK_ASSERT(scenario.cluster.pipeline_parallel == 1);
    model_ = make_paced_model(std::move(model_), make_pace(*acceptance_, 0).unit);
  }
  const int engines = scenario.cluster.engines();
  PENSTOCK_ASSERT(scenario.cluster.replicas > 0 && engines <= UINT16_MAX);
  PENSTOCK_ASSERT(!scenario.workload.classes.empty() && scenario.engine.num_gpu_blocks > 0);
  for (std::uint16_t r = 0; r < engines; ++r) {
    replicas_.push_back(std::make_unique<Replica>(
        r, scenario, options,
        SharedRecords{result_.requests, accounts_, gaps_, result_, *model_, acceptance_.get()}));
  }
  for (std::size_t r = 0; ranks_ > 1 && r < views_.size(); ++r) {
    if (lanes_ > 1) {
      pipelines_.emplace_back(ranks_of(r), lanes_, together_.get(), scenario.engine);
    } else {
      groups_.emplace_back(ranks_of(r), together_.get(), scenario.engine);
    }
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

void Cluster::look_now(SimTime now) {
  if (now >= next_publication_) {
    publish(now);
  }
  if (now >= next_scrape_) {
    scrape(now);
  }
  next_look_ = std::min(next_publication_, next_scrape_);
}

void Cluster::scrape(SimTime now) {
  const SimTime interval = scenario_.cluster.scrape_interval;
  const SimTime at = last_due(now, next_scrape_, interval);
  for (std::size_t r = 0; r < views_.size(); ++r) {
    ReplicaView& view = views_[r];
    view.waiting = view.running = 0;
    std::int64_t held = 0;
    for (const auto& rank : ranks_of(r)) {
      const ReplicaLoad load = rank->load(at);
      view.waiting += load.waiting;
      view.running += load.running;
      held += load.held_blocks;
    }
    view.kv_usage = static_cast<double>(held) / scenario_.cluster.data_parallel /
                    static_cast<double>(scenario_.engine.num_gpu_blocks);
  }
  next_scrape_ = at + interval;
}

void Cluster::publish(SimTime now) {
  const SimTime at = last_due(now, next_publication_, publication_interval);
  for (RankGroup& group : groups_) {
    group.publish(at);
  }
  for (Pipeline& pipeline : pipelines_) {
    pipeline.publish(at);
  }
  next_publication_ = at + publication_interval;
}

std::size_t Cluster::route(const Request& request, SimTime now) {
  RoutedRequest routed{.input_tokens = request.input_tokens, .session = request.session};
  if (needs_.keys) {
    routed.keys = block_keys(request.content, request.input_tokens, scenario_.engine.block_size);
  }
  for (std::size_t r = 0; needs_.events && r < views_.size(); ++r) {
    ReplicaView& view = views_[r];
    view.pending_tokens = view.held_blocks = view.cached_blocks = 0;
    for (const auto& rank : ranks_of(r)) {
      const ReplicaLoad load = rank->load(now);
      view.pending_tokens += load.pending_tokens;
      view.held_blocks += load.held_blocks;
      view.cached_blocks =
          std::max(view.cached_blocks,
                   rank->cached_blocks(routed.keys, request.content, request.input_tokens));
    }
  }
  return router_->route(routed, views_);
}

void Cluster::refuse(RequestRecord& record, RejectReason reason, std::uint64_t tag, SimTime now) {
  record.reject_reason = reason;
  ++result_.rejected[static_cast<std::size_t>(reason)];
  record.status = RequestStatus::rejected;
  record.finish = now;
  depart(record, tag, now);
}

RequestRecord& Cluster::new_record(const Request& request, SimTime at) {
  RequestRecord& record = result_.requests.emplace_back();
  record.arrival = at;
  record.input_tokens = static_cast<std::uint32_t>(request.input_tokens);
  record.class_index = request.class_index;
  return record;
}

void Cluster::arrive(const Request& request, SimTime now) {
  look(now);
  PENSTOCK_ASSERT(request.input_tokens >= 1 && request.output_tokens >= 1);
  const auto id = static_cast<std::uint32_t>(result_.requests.size());
  RequestRecord& record = new_record(request, now - scenario_.engine.front_end_latency);
  const RejectReason reason = refusal(request);
  if (reason != RejectReason::none) {
    refuse(record, reason, request.tag, now);
    return;
  }
  const std::size_t chosen = route(request, now);
  const std::size_t rank = !groups_.empty()      ? groups_[chosen].choose(now)
                           : !pipelines_.empty() ? pipelines_[chosen].choose(now)
                                                 : 0;
  const std::size_t engine = chosen * ranks_ + rank * lanes_;
  Replica& replica = *replicas_[engine];
  const std::int64_t queue = scenario_.engine.max_queued_requests;
  const std::int64_t queued =
      pipelines_.empty() ? replica.queued() : pipelines_[chosen].queued(rank);
  if (queue > 0 && queued >= queue) {
    record.replica = static_cast<std::uint16_t>(engine);
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
  const SimTime timeout = scenario_.workload.classes[request.class_index].timeout;
  const Arrival arrival{
      .id = id,
      .class_index = request.class_index,
      .measured = record.arrival >= scenario_.workload.warmup,
      .priority = request.priority,
      .prompt = request.input_tokens,
      .output = output,
      .at = now,
      .deadline = timeout == SimTime::never() ? timeout : std::max(now, record.arrival + timeout)};
  const auto index = static_cast<std::uint32_t>(chosen);
  if (!pipelines_.empty()) {
    submit_to_pipeline(index, rank, arrival, request.content);
  } else if (replica.submit(arrival, request.content, now)) {
    if (!groups_.empty()) {
      groups_[chosen].follow(rank);
    }
    events_.set(index, replica.run_end(), EventKind::step_end);
  } else if (!replica.busy()) {
    events_.set(index, now, EventKind::step_start);
  }
}

void Cluster::submit_to_pipeline(std::uint32_t index, std::size_t rank, const Arrival& arrival,
                                 const Content& content) {
  Pipeline& pipeline = pipelines_[index];
  if (pipeline.submit(rank, arrival, content, arrival.at)) {
    events_.set(index, pipeline.run_end(), EventKind::step_end);
  } else if (!pipeline.busy()) {
    events_.set(index, arrival.at, EventKind::step_start);
  }
}

void Cluster::end_step(std::uint32_t index, SimTime now) {
  look(now);
  finished_.clear();
  for (const auto& rank : ranks_of(index).first(pipelines_.empty() ? ranks_ : 0)) {
    rank->end(now, finished_);
  }
  if (!pipelines_.empty()) {
    pipelines_[index].end(now, finished_);
  }
  if (!finished_.empty()) {
    leave(index, now);
  }
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

void Cluster::start_pipeline(std::uint32_t index, SimTime now, SimTime until) {
  Pipeline& pipeline = pipelines_[index];
  if (now < until) {
    pipeline.start(now, std::min(until, SimTime::max() + SimTime{1}));
    take_aborted(index, now);
  }
  if (pipeline.busy()) {
    events_.set(index, pipeline.run_end(), EventKind::step_end);
  } else {
    PENSTOCK_ASSERT(now >= until || !pipeline.waiting());
    events_.clear(index);
  }
}

void Cluster::start_step(std::uint32_t index, SimTime now, SimTime until) {
  look(now);
  if (!pipelines_.empty()) {
    start_pipeline(index, now, until);
    return;
  }
  const RankGroup::Ranks ranks = ranks_of(index);
  Replica& first = *ranks.front();
  if (now < until) {
    // A leap ends where the clock does, as single steps would.
    const SimTime limit = std::min(until, SimTime::max() + SimTime{1});
    if (groups_.empty()) {
      first.start(now, limit);
    } else {
      groups_[index].start(now, limit);
    }
    if (!groups_.empty() || first.has_aborted()) {
      take_aborted(index, now);
    }
  }
  if (first.busy()) {
    events_.set(index, first.run_end(), EventKind::step_end);
    return;
  }
  const SimTime wake = groups_.empty() ? first.wake() : groups_[index].wake();
  if (now < until && wake != SimTime::never()) {
    events_.set(index, wake, EventKind::step_start);
  } else {
    // Work conservation: an idle replica with a queue would never wake again.
    for (const auto& rank : ranks) {
      PENSTOCK_ASSERT(now >= until || !rank->waiting());
    }
    events_.clear(index);
  }
}

void Cluster::take_aborted(std::uint32_t index, SimTime now) {
  for (const auto& rank : ranks_of(index)) {
    if (rank->has_aborted()) {
      finished_.clear();
      rank->take_aborted(finished_);
      leave(index, now);
    }
  }
}

void Cluster::cut_leaps(SimTime now) {
  for (std::uint32_t r = 0; r < views_.size(); ++r) {
    bool cut = false;
    for (const auto& rank : ranks_of(r)) {
      cut = rank->cut(now) || cut;
    }
    if (cut) {
      events_.set(r, pipelines_.empty() ? ranks_of(r).front()->run_end() : pipelines_[r].run_end(),
                  EventKind::step_end);
    }
  }
}

Result Cluster::close(SimTime end, StopReason reason) {
  Int128 busy = 0;
  SimTime interval;
  for (Pipeline& pipeline : pipelines_) {
    pipeline.close(end);
    result_.stage_wait_ps += pipeline.wait_ps();
  }
  for (auto& replica : replicas_) {
    if (pipelines_.empty()) {
      replica->close(end);
    }
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
  ledger.wall = static_cast<Int128>(end.ps) * scenario_.cluster.engines();
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
