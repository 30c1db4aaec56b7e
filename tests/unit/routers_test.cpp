#include <doctest/doctest.h>

#include <set>

#include "sim/cluster/router.h"
#include "sim/kv/prefix_memory.h"
#include "tests/support/engine_probe.h"

namespace penstock {
namespace {

Scenario cluster_of(int replicas) {
  Scenario scenario = probe::scenario({.block_size = 4, .usable_blocks = 8});
  scenario.cluster.replicas = replicas;
  return scenario;
}

std::unique_ptr<Router> router(RouterKind kind, int replicas = 3) {
  return find_router(kind).make(cluster_of(replicas));
}

RoutedRequest prompt(std::uint64_t stream, std::int64_t tokens) {
  return {.input_tokens = tokens, .keys = block_keys({{stream, 0, tokens}}, tokens, 4)};
}

/// Three replicas that have nothing to do.
using Views = std::vector<ReplicaView>;

}  // namespace

TEST_CASE("5.1-4: least_kv goes by the scraped usage, ties at random") {
  const auto least_kv = router(RouterKind::least_kv);
  Views views(3);
  views[0].kv_usage = 0.5;
  views[1].kv_usage = 0.2;
  views[2].kv_usage = 0.3;
  views[1].outstanding = 1000;  // it does not look at that
  CHECK(least_kv->route({}, views) == 1);
  views[2].kv_usage = 0.2;
  std::set<std::size_t> seen;
  for (int i = 0; i < 50; ++i) {
    seen.insert(least_kv->route({}, views));
  }
  CHECK(seen == std::set<std::size_t>{1, 2});
}

TEST_CASE("5.1-5: a session stays where it is, and another replica takes few away") {
  const auto affinity = router(RouterKind::session_affinity);
  const Views three(3);
  const Views four(4);
  int moved = 0;
  std::vector<int> load(3);
  for (std::uint64_t session = 1; session <= 3000; ++session) {
    const RoutedRequest request{.input_tokens = 1, .session = session};
    const std::size_t home = affinity->route(request, three);
    CHECK(affinity->route(request, three) == home);
    ++load[home];
    moved += affinity->route(request, four) != home ? 1 : 0;
  }
  CHECK(moved > 600);  // a quarter is the least
  CHECK(moved < 900);
  for (const int sessions : load) {
    CHECK(sessions > 900);
    CHECK(sessions < 1100);
  }
  Views views(3);
  views[0].outstanding = views[1].outstanding = 5;
  CHECK(affinity->route({.input_tokens = 1}, views) == 2);  // no session
}

TEST_CASE("5.1-6: prefix_aware sends a prefix where it was, unless the load is uneven") {
  const auto aware = router(RouterKind::prefix_aware);
  Views views(3);
  const std::size_t home = aware->route(prompt(1, 16), views);
  const std::size_t other = aware->route(prompt(2, 16), views);
  CHECK(other != home);  // no match: the smallest memory
  CHECK(aware->route(prompt(1, 20), views) == home);
  // Five blocks of eleven are not enough.
  CHECK(aware->route(prompt(1, 44), views) != home);
  views[home].outstanding = 33;
  CHECK(aware->route(prompt(1, 16), views) != home);
}

TEST_CASE("5.1-7: kv_aware weighs prefill and held blocks against the cache's overlap") {
  const auto aware = router(RouterKind::kv_aware, 2);
  Views views(2);
  views[0].held_blocks = 10;
  views[1].held_blocks = 12;
  CHECK(aware->route(prompt(1, 16), views) == 0);
  views[1].cached_blocks = 3;
  CHECK(aware->route(prompt(1, 16), views) == 1);
  views[1].pending_tokens = 8;
  CHECK(aware->route(prompt(1, 16), views) == 0);
}

TEST_CASE("5.1-8: weighted adds the scores of queue, KV usage and prefix") {
  const auto weighted = router(RouterKind::weighted, 2);
  Views views(2);
  views[0].waiting = 4;
  CHECK(weighted->route(prompt(1, 16), views) == 1);
  views[0].waiting = 0;
  views[0].kv_usage = 0.9;  // 2 x 0.9 less is still better with 3 x a whole match
  CHECK(weighted->route(prompt(1, 16), views) == 1);
  views[0].kv_usage = 0;
  views[1].kv_usage = 0.9;
  CHECK(weighted->route(prompt(1, 16), views) == 1);
  CHECK(weighted->route(prompt(2, 16), views) == 0);
}

TEST_CASE("a prefix memory forgets what was not used for longest, last blocks first") {
  PrefixMemory memory(8);
  const auto first = prompt(1, 16).keys;
  const auto second = prompt(2, 24).keys;
  memory.insert(first);
  CHECK(memory.match(first) == 4);
  memory.insert(second);
  CHECK(memory.match(second) == 6);
  CHECK(memory.match(first) == 2);
  CHECK(memory.size() == 8);
  memory.insert(prompt(3, 400).keys);  // longer than all of it
  CHECK(memory.size() == 8);
}

TEST_CASE("5.2: a full queue refuses, by reason") {
  Scenario scenario = probe::scenario({.max_num_seqs = 1});
  scenario.engine.max_queued_requests = 2;
  std::vector<Request> requests;
  for (int i = 0; i < 5; ++i) {
    requests.push_back(probe::request(0, 4, 3));
  }
  const probe::Probe run = probe::run(scenario, requests, {});
  int refused = 0;
  for (const RequestRecord& record : run.result.requests) {
    refused += record.reject_reason == RejectReason::queue_full ? 1 : 0;
  }
  CHECK(refused == 3);  // all arrive before the first step: two wait
  CHECK(run.result.requests.back().status == RequestStatus::rejected);
}

}  // namespace penstock
