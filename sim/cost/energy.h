#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "sim/cost/bill.h"
#include "sim/result.h"
#include "sim/scenario.h"

namespace penstock {

/// Power of one GPU that serves, as shares of its TDP above the catalogue's idle power:
///   W = min(TDP, idle + TDP (loaded + busy · busy + memory · MBU + compute · MFU))
/// with MBU and MFU of the hardware's peaks. Fitted to 38 published points on H100 and B200
/// (docs/validation.md §2d): `compute` and `busy` are free, `memory` and `loaded` are set to what
/// HBM and a CUDA context are taken to draw. Linear, so that the length of an interval does not
/// matter but where the TDP caps.
struct PowerShares {
  double loaded = 0.06;
  double busy = 0.43;
  double memory = 0.15;
  double compute = 1.0;
};
inline constexpr PowerShares power_shares;

/// Energy in joules, of GPUs alone.
struct Joules {
  double busy = 0;  ///< drawn while a step runs
  double idle = 0;
  double total() const { return busy + idle; }
};

/// Of all GPUs of one replica in an interval of `length` ps. Requires: the GPU's power is known.
Joules interval_energy(const Scenario& scenario, const SeriesPoint& point, std::int64_t length);

struct Energy {
  std::string missing;  ///< why it is not known; empty = it is
  double gpu_kwh = 0;
  double idle_kwh = 0;      ///< of gpu_kwh, while no step runs
  double server_kwh = 0;    ///< with hosts, fans and switches
  double facility_kwh = 0;  ///< that times PUE
  double peak_kw = 0;       ///< of the facility, in the interval that draws most
  /// GPU energy, idle and all, over output tokens; absent without any.
  std::optional<double> joules_per_output_token;
  /// GPU energy of steps, as the leading rule splits busy time; recomputed work and idle apart.
  std::array<std::optional<double>, token_type_count> joules_per_token;

  bool known() const { return missing.empty(); }
};

/// Energy of a run: the sum over the intervals of its time series.
Energy measure_energy(const Scenario& scenario, const Result& result, const Bill& bill);

}  // namespace penstock
