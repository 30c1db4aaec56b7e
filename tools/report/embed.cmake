# Writes OUTPUT, a C++ file that defines the texts of tools/report/assets.h from STYLE, SCRIPT and
# CHARTS (paths; the last may hold nothing).
cmake_minimum_required(VERSION 3.25)

# Sets `out` to raw string literals that together spell the ASCII file `path`.
function(cpp_literal out path)
  file(READ "${path}" text)
  foreach(forbidden IN ITEMS ")asset\"" "</script" "<!--")
    string(FIND "${text}" "${forbidden}" at)
    if(NOT at EQUAL -1)
      message(FATAL_ERROR "${path} holds ${forbidden}, which a page cannot embed")
    endif()
  endforeach()
  set(literal "")
  string(LENGTH "${text}" left)
  while(left GREATER 60000)  # a compiler may refuse longer ones
    string(SUBSTRING "${text}" 0 60000 piece)
    string(SUBSTRING "${text}" 60000 -1 text)
    string(APPEND literal "R\"asset(${piece})asset\"\n")
    string(LENGTH "${text}" left)
  endwhile()
  set(${out} "${literal}R\"asset(${text})asset\"" PARENT_SCOPE)
endfunction()

cpp_literal(style "${STYLE}")
cpp_literal(script "${SCRIPT}")
cpp_literal(charts "${CHARTS}")
file(WRITE "${OUTPUT}" "// Made by tools/report/embed.cmake.
#include \"tools/report/assets.h\"

namespace penstock::report {

std::string_view style_sheet() { return ${style}; }

std::string_view page_script() { return ${script}; }

std::string_view chart_library() { return ${charts}; }

}  // namespace penstock::report
")
