#pragma once

#include "tools/penstock/options.h"

namespace penstock::cli {

inline constexpr Option ascii_option{
    "ascii", 0, {}, "plots of plain characters (the default where the locale is not UTF-8)"};

/// Whether plots avoid characters beyond ASCII: as asked, or on a terminal whose locale (LC_ALL,
/// LC_CTYPE, LANG; the first that is set) is not UTF-8.
bool plots_are_ascii(const ParsedOptions& options);

}  // namespace penstock::cli
