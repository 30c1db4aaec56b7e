# Writes penstock_version.h (OUTPUT) from VERSION, BUILD_TYPE, COMPILER and the commit of SOURCE_DIR.
# The file is touched only when its text changes, so nothing is rebuilt needlessly.
cmake_minimum_required(VERSION 3.25)

set(commit "unknown")
find_program(git git)
if(git AND EXISTS "${SOURCE_DIR}/.git")
  execute_process(COMMAND "${git}" -C "${SOURCE_DIR}" rev-parse --short=12 HEAD
    OUTPUT_VARIABLE head ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
  if(NOT failed)
    set(commit "${head}")
    execute_process(COMMAND "${git}" -C "${SOURCE_DIR}" diff-index --quiet HEAD --
      ERROR_QUIET RESULT_VARIABLE changed)
    if(changed)
      string(APPEND commit "-dirty")
    endif()
  endif()
endif()

file(CONFIGURE OUTPUT "${OUTPUT}" @ONLY CONTENT [=[
#pragma once

#include <string_view>

namespace penstock {

inline constexpr std::string_view version = "@VERSION@";
inline constexpr std::string_view commit = "@commit@";  // "-dirty" with uncommitted changes
inline constexpr std::string_view build_type = "@BUILD_TYPE@";
inline constexpr std::string_view compiler = "@COMPILER@";

}  // namespace penstock
]=])
