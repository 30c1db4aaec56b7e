#pragma once

#include <string_view>

/// What a page carries with it, embedded by tools/report/embed.cmake.
namespace penstock::report {

std::string_view style_sheet();
/// What the page does in a browser.
std::string_view page_script();
/// ECharts; empty where the build had no npm. Pages then have tables and small drawings only.
std::string_view chart_library();

}  // namespace penstock::report
