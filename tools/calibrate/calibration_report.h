#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tools/calibrate/calibrate.h"

namespace penstock::calibrate {

/// What the report says beside the fit.
struct CalibrationTitle {
  std::string file;    ///< of the measurement
  std::string system;  ///< that was simulated
  std::string output;  ///< the file written; empty = none
};

/// The screen: what was measured and simulated, errors before and after, parameter by parameter.
std::string calibration_screen(const CalibrationTitle& title, const Measurement& measurement,
                               const Calibrated& calibrated);

nlohmann::ordered_json calibration_json(const CalibrationTitle& title,
                                        const Measurement& measurement,
                                        const Calibrated& calibrated);

/// "300 requests as JSON lines": what was measured.
std::string measurement_text(const Measurement& measurement);

}  // namespace penstock::calibrate
