# Writes OUTPUT, a C++ file that defines penstock::config::embedded_files(), from the YAML files named
# in LIST (one path a line, relative to SOURCE_DIR).
#
# File contents hold semicolons, brackets and backslashes, which CMake treats as syntax in lists:
# so a content is always passed quoted and never becomes a list.
cmake_minimum_required(VERSION 3.25)

# Sets `out` to the value of the top-level key `key: value` of a YAML text: one line, with quotes and a
# trailing comment removed. Empty where the key is missing.
function(yaml_value out key text)
  set(${out} "" PARENT_SCOPE)
  if(NOT "\n${text}" MATCHES "\n${key}:[ \t]*([^\r\n]*)")
    return()
  endif()
  set(value "${CMAKE_MATCH_1}")
  if("${value}" MATCHES "^\"(([^\"\\]|\\\\.)*)\"")
    string(REPLACE "\\\"" "\"" value "${CMAKE_MATCH_1}")
  elseif("${value}" MATCHES "^'(([^']|'')*)'")
    string(REPLACE "''" "'" value "${CMAKE_MATCH_1}")
  else()
    string(REGEX REPLACE "(^|[ \t]+)#.*$" "" value "${value}")
    string(STRIP "${value}" value)
  endif()
  set(${out} "${value}" PARENT_SCOPE)
endfunction()

# Sets `out` to `a,b c` for the top-level key `aliases: [a, "b c"]`, which may span lines.
function(yaml_aliases out path text)
  set(${out} "" PARENT_SCOPE)
  if(NOT "\n${text}" MATCHES "\naliases:")
    return()
  endif()
  if(NOT "\n${text}" MATCHES "\naliases:[ \t\r\n]*\\[([^]]*)\\]")
    message(FATAL_ERROR "${path}: write the aliases as a list in brackets: aliases: [a, \"b c\"]")
  endif()
  set(value "${CMAKE_MATCH_1}")
  string(REGEX REPLACE "[\"'\r\n]" " " value "${value}")
  string(REGEX REPLACE "[ \t]*,[ \t]*" "," value "${value}")
  string(STRIP "${value}" value)
  string(REGEX REPLACE ",$" "" value "${value}")
  set(${out} "${value}" PARENT_SCOPE)
endfunction()

# Sets `out` to raw string literals that together spell `text`: pieces of at most 60 kB (a compiler
# may refuse longer ones), cut after a line.
function(cpp_literal out text)
  set(delimiter "yaml")
  while(TRUE)
    string(FIND "${text}" ")${delimiter}\"" at)
    if(at EQUAL -1)
      break()
    endif()
    string(APPEND delimiter "_")
  endwhile()
  set(literal "")
  string(LENGTH "${text}" left)
  while(left GREATER 60000)
    string(SUBSTRING "${text}" 0 60000 piece)
    string(FIND "${piece}" "\n" cut REVERSE)
    if(cut EQUAL -1)
      message(FATAL_ERROR "a line is longer than 60 kB")
    endif()
    math(EXPR cut "${cut} + 1")
    string(SUBSTRING "${text}" 0 ${cut} piece)
    string(SUBSTRING "${text}" ${cut} -1 text)
    string(APPEND literal "R\"${delimiter}(${piece})${delimiter}\"\n")
    string(LENGTH "${text}" left)
  endwhile()
  set(${out} "${literal}R\"${delimiter}(${text})${delimiter}\"" PARENT_SCOPE)
endfunction()

# Kind, name and path make the sorting key. None of them may hold what CMake lists treat specially.
file(STRINGS "${LIST}" paths)
set(keys "")
foreach(path IN LISTS paths)
  if(NOT "${path}" MATCHES "^[A-Za-z0-9_./+-]+$")
    message(FATAL_ERROR "${path}: letters, digits and . _ + - only in a file name")
  endif()
  cmake_path(GET path PARENT_PATH folder)
  cmake_path(GET folder FILENAME kind)
  cmake_path(GET path STEM LAST_ONLY name)
  file(READ "${SOURCE_DIR}/${path}" text)
  string(FIND "${text}" "\r" return)
  if(NOT return EQUAL -1)
    message(FATAL_ERROR "${path}: lines end in CR LF; use LF")
  endif()
  yaml_value(given name "${text}")
  if(NOT "${given}" STREQUAL "")
    set(name "${given}")
  endif()
  if(NOT "${name}" MATCHES "^[A-Za-z0-9_./+-]+$")
    message(FATAL_ERROR "${path}: name `${name}`: letters, digits and . _ / + - only")
  endif()
  list(APPEND keys "${kind}\t${name}\t${path}")
endforeach()
list(SORT keys COMPARE STRING)

set(rows "")
set(before "")
list(LENGTH keys count)
foreach(key IN LISTS keys)
  string(REGEX MATCH "^([^\t]+)\t([^\t]+)\t(.+)$" key "${key}")
  set(kind "${CMAKE_MATCH_1}")
  set(name "${CMAKE_MATCH_2}")
  set(path "${CMAKE_MATCH_3}")
  if("${kind}\t${name}" STREQUAL "${before}")
    message(FATAL_ERROR "${path}: a second file of ${kind} named `${name}`")
  endif()
  set(before "${kind}\t${name}")
  file(READ "${SOURCE_DIR}/${path}" text)
  yaml_value(title title "${text}")
  yaml_aliases(aliases "${path}" "${text}")
  cpp_literal(title "${title}")
  cpp_literal(aliases "${aliases}")
  cpp_literal(text "${text}")
  string(APPEND rows
    "    {\"${kind}\", \"${name}\", ${title}, ${aliases},\n${text},\n\"${path}\"},\n")
endforeach()

file(WRITE "${OUTPUT}" "// Made by config/embed.cmake.
#include \"config/embedded.h\"

#include <array>

namespace penstock::config {
namespace {

constexpr std::array<EmbeddedFile, ${count}> files{{
${rows}}};

}  // namespace

std::span<const EmbeddedFile> embedded_files() { return files; }

}  // namespace penstock::config
")
