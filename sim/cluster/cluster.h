#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "sim/cluster/pipeline.h"
#include "sim/cluster/rank_group.h"
#include "sim/cluster/router.h"
#include "sim/core/event_queue.h"
#include "sim/engine/acceptance.h"
#include "sim/engine/replica.h"
#include "sim/metrics/gap_histogram.h"
#include "sim/request_source.h"
#include "sim/result.h"
#include "sim/scenario.h"

namespace penstock {

/// The replicas behind one router, and the requests on their way through them.
class Cluster {
 public:
  Cluster(const Scenario& scenario, const SimulationOptions& options, RequestSource& source);
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  EventQueue& events() { return events_; }
  std::size_t replicas() const { return views_.size(); }
  std::uint64_t arrived() const { return result_.requests.size(); }
  std::uint64_t departed() const { return departed_; }
  /// SimulationOptions::keep_going has said no.
  bool gave_up() const { return gave_up_; }

  /// A request reaches the front end: it is refused, or routed.
  void arrive(const Request& request, SimTime now);
  /// At `end` the front end still has a request that arrived at `at`: it waits, and is seen in the
  /// first replica's time series.
  void leave_in_front_end(const Request& request, SimTime at, SimTime end) {
    new_record(request, at);
    replicas_.front()->recorder().count_arrival(at, end);
  }
  /// Its next step is to be started now, or to be put into the queue of events.
  void end_step(std::uint32_t replica, SimTime now);
  /// Starts the replica's next step, unless `until` has come.
  void start_step(std::uint32_t replica, SimTime now, SimTime until);
  /// Leaps in flight end at their next step boundary.
  void cut_leaps(SimTime now);
  /// Settles everything at `end` and hands out the result.
  Result close(SimTime end, StopReason reason);

 private:
  /// The ranks of a replica, each lane by lane: one, but with data or pipeline parallelism.
  RankGroup::Ranks ranks_of(std::size_t replica) const {
    return RankGroup::Ranks(replicas_).subspan(replica * ranks_, ranks_);
  }
  /// The last part of arrive(), with stages.
  void submit_to_pipeline(std::uint32_t replica, std::size_t rank, const Arrival& arrival,
                          const Content& content);
  /// As start_step(), of stages.
  void start_pipeline(std::uint32_t replica, SimTime now, SimTime until);
  /// Of a request that arrived at `at`.
  RequestRecord& new_record(const Request& request, SimTime at);
  RejectReason refusal(const Request& request) const;
  /// Before something happens at `now`: what was due until then, if anything.
  void look(SimTime now) {
    if (now >= next_look_) {
      look_now(now);
    }
  }
  void look_now(SimTime now);
  /// Lets the router see the replicas as they were at the last scrape that was due.
  void scrape(SimTime now);
  /// Likewise the front end the ranks' counts.
  void publish(SimTime now);
  std::size_t route(const Request& request, SimTime now);
  void refuse(RequestRecord& record, RejectReason reason, std::uint64_t tag, SimTime now);
  /// Requests that this replica has aborted leave it.
  void take_aborted(std::uint32_t replica, SimTime now);
  /// The requests in `finished_` have left this replica.
  void leave(std::uint32_t replica, SimTime now);
  /// Tells the source, and whoever watches, that a request has left.
  void depart(const RequestRecord& record, std::uint64_t tag, SimTime now);
  /// The tag of a request that leaves; 0 = it has none.
  std::uint64_t take_tag(std::uint32_t id);
  void check_conservation(Int128 busy) const;

  const Scenario& scenario_;
  const SimulationOptions& options_;
  RequestSource& source_;
  Result result_;
  Accounts accounts_;
  GapHistogram gaps_;
  std::unique_ptr<AcceptanceLaw> acceptance_;  ///< with speculative decoding
  std::unique_ptr<StepModel> model_;  ///< of all replicas: they are equal, and what it memoises too
  std::unique_ptr<TogetherModel> together_;  ///< of ranks; null without them
  std::unique_ptr<Router> router_;
  std::size_t ranks_;                               ///< and lanes of them, of each replica
  std::size_t lanes_;                               ///< of each rank
  std::vector<std::unique_ptr<Replica>> replicas_;  ///< rank by rank, or lane by lane
  std::vector<RankGroup> groups_;    ///< one a replica, if there are several ranks and no stages
  std::vector<Pipeline> pipelines_;  ///< one a replica, if there are stages
  RouterNeeds needs_;
  std::vector<ReplicaView> views_;  ///< what the router sees of each replica
  SimTime next_scrape_;
  SimTime next_publication_;  ///< of the ranks' counts
  SimTime next_look_;         ///< the earlier of both
  std::unordered_map<std::uint32_t, std::uint64_t>
      tags_;  ///< of live requests that have one, by id
  EventQueue events_;
  std::uint64_t departed_ = 0;
  bool gave_up_ = false;
  std::vector<std::uint32_t> finished_;  ///< scratch
};

}  // namespace penstock
