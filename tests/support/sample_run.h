#pragma once

#include <cstdint>
#include <string>

#include "sim/result.h"
#include "sim/scenario.h"

namespace penstock::test {

inline constexpr std::int64_t ms = 1'000'000'000;  ///< in ps
inline constexpr std::int64_t second = 1000 * ms;

/// A run made by hand, small enough to check on paper: one replica of two GPUs at $3.60/h for 10 s,
/// 8 s of it busy; two classes; four requests completed, one rejected, one running, one queued.
///
///     class  arrival  scheduled  first token  finish  input  output
///     chat      0 s      0 s        1 s          3 s     100     5     completed, busy 3 s
///     chat      1 s      1 s        3 s          4 s     100     2     completed, busy 1.5 s
///     chat      2 s      3 s        3.5 s        3.5 s    50     1     completed, busy 0.5 s
///     code      2 s      2 s        4 s          8 s     400     9     completed, busy 2 s
///     code      5 s       -          -           5 s    9000     0     rejected
///     code      6 s      7 s        8 s           -      100     3     running, busy 0.5 s
///     chat      9 s       -          -            -      100     0     queued
struct SampleRun {
  Scenario scenario;
  Result result;
};
SampleRun sample_run();

/// The same run with another name of its first class.
SampleRun sample_run(const std::string& class_name);

}  // namespace penstock::test
