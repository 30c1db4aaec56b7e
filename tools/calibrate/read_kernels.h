#pragma once

#include "tools/calibrate/measurement.h"
#include "workloads/csv.h"

namespace penstock::calibrate {

/// The rows after the header of a table of kernels.
void read_kernels(CsvReader& reader, const CsvHeader& header, ErrorLog& errors, Measurement& out);

}  // namespace penstock::calibrate
