#include "sim/cluster/rank_group.h"

#include <algorithm>

namespace penstock {

namespace {

std::vector<Replica*> pointers_to(RankGroup::Ranks ranks) {
  std::vector<Replica*> out;
  for (const auto& rank : ranks) {
    out.push_back(rank.get());
  }
  return out;
}

}  // namespace

RankGroup::RankGroup(Ranks ranks, TogetherModel* together, const EngineSpec& engine)
    : step_(pointers_to(ranks), together, engine), balance_(ranks.size(), engine.scheduler) {}

std::size_t RankGroup::choose(SimTime now) {
  if (balance_.looks_now()) {
    publish(now);
  }
  return balance_.choose();
}

void RankGroup::publish(SimTime at) {
  for (std::size_t r = 0; r < step_.ranks().size(); ++r) {
    balance_.publish(r, step_.ranks()[r]->load(at));
  }
}

void RankGroup::start(SimTime now, SimTime limit) {
  bool works = false;
  for (Replica* rank : step_.ranks()) {
    works = rank->prepare(now) || works;
  }
  if (works) {
    step_.price();
    step_.launch(now, step_.total_ps());
    step_.leap(limit);
  }
}

SimTime RankGroup::wake() const {
  SimTime earliest = SimTime::never();
  for (const Replica* rank : step_.ranks()) {
    earliest = std::min(earliest, rank->wake());
  }
  return earliest;
}

}  // namespace penstock
