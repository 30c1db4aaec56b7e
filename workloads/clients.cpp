#include "workloads/clients.h"

#include <algorithm>

#include "sim/core/math.h"
#include "sim/core/rng.h"
#include "workloads/lengths.h"

namespace penstock {

std::vector<Client> draw_clients(const ArrivalSpec& spec, std::uint64_t seed,
                                 const std::string& name) {
  Rng rng(seed, "clients/" + name);
  std::vector<Client> clients(static_cast<std::size_t>(spec.clients.count));
  double sum = 0;
  double rank = 0;
  for (Client& client : clients) {
    rank += 1;
    client.cv = spec.cv;
    switch (spec.clients.skew) {
      case ClientSpec::Skew::equal:
        break;
      case ClientSpec::Skew::zipf:
        client.share = math::pow(rank, -spec.clients.spread);
        break;
      case ClientSpec::Skew::lognormal:
        client.share = math::exp(spec.clients.spread * rng.normal());
        break;
    }
    sum += client.share;
    if (spec.clients.cv) {
      client.cv = std::clamp(value_at(*spec.clients.cv, rng.uniform()), 0.01, 50.0);
    }
  }
  for (Client& client : clients) {
    client.share /= sum;
  }
  return clients;
}

}  // namespace penstock
