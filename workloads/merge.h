#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "sim/request_source.h"
#include "workloads/stream.h"

namespace penstock {

/// Several streams as one source, in order of arrival. At one instant they take turns, in
/// proportion to their `per_round`, the lower class first: so the classes of an offline mix are
/// shuffled evenly, whatever their shares.
class MergedSource final : public RequestSource {
 public:
  struct Limits {
    std::uint64_t generated = UINT64_MAX;  ///< requests of all generated streams together
    std::uint64_t expected = 0;            ///< see RequestSource
    SimTime horizon;                       ///< see RequestSource
  };

  explicit MergedSource(const Limits& limits) : limits_(limits) {}

  struct StreamInfo {
    std::uint16_t class_index = 0;
    bool generated = false;       ///< counts for the limit
    std::uint64_t per_round = 1;  ///< >= 1
  };

  /// Adds a stream; in order of class, at most one for each.
  void add(std::unique_ptr<RequestStream> stream, const StreamInfo& info);

  SimTime next_arrival() override { return next_ < parts_.size() ? parts_[next_].due : never; }
  Request pop() override;
  void on_departure(const Departure& departure) override;
  std::uint64_t expected_requests() const override { return limits_.expected; }
  SimTime horizon() const override { return limits_.horizon; }

 private:
  static constexpr SimTime never = SimTime::never();

  struct Part {
    std::unique_ptr<RequestStream> stream;
    StreamInfo info;
    SimTime due;
    std::uint64_t taken = 0;
  };

  static bool comes_before(const Part& a, const Part& b);
  void refresh(Part& part);
  void find_next();

  Limits limits_;
  std::vector<Part> parts_;
  std::size_t next_ = 0;  // the part whose request comes next
};

}  // namespace penstock
