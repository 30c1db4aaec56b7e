#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/scenario.h"

namespace penstock {

/// One of the clients that a class's arrivals come from.
struct Client {
  double share = 1;  ///< of the class's rate
  double cv = 1;
};

/// The clients of a class. Shares fall as 1 / i^exponent (zipf) or are lognormal with a sigma; they
/// sum to 1. Shares and cvs are drawn from the stream "clients/CLASS", cvs kept within 0.01 to 50.
std::vector<Client> draw_clients(const ArrivalSpec& spec, std::uint64_t seed,
                                 const std::string& name);

}  // namespace penstock
