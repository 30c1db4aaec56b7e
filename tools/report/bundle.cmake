# Writes OUTPUT: ECharts as the reports use it (SOURCE/charts.js), one script, fetched and bundled by
# npm in the folder WORK. Where there is no npm or no network, OUTPUT is empty and the build goes on:
# reports then have their tables and small drawings only. To try again: delete OUTPUT, build.
cmake_minimum_required(VERSION 3.25)

function(without_charts reason)
  message(NOTICE "Reports will have no interactive charts: ${reason}.\n"
    "To try again later: delete ${OUTPUT} and build.")
  file(WRITE "${OUTPUT}" "")
endfunction()

# The first line of what a program said.
function(first_line out text)
  string(REGEX MATCH "[^\r\n]+" text "${text}")
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

find_program(NODE node)
find_program(NPM npm)
if(NOT NODE OR NOT NPM)
  without_charts("npm is not installed (apt-get install nodejs npm)")
  return()
endif()

foreach(name IN ITEMS package.json package-lock.json .npmrc charts.js)
  configure_file("${SOURCE}/${name}" "${WORK}/${name}" COPYONLY)
endforeach()

# npm leaves this file behind when it is done.
set(installed "${WORK}/node_modules/.package-lock.json")
if(NOT EXISTS "${installed}" OR "${WORK}/package-lock.json" IS_NEWER_THAN "${installed}")
  execute_process(COMMAND "${NPM}" ci --ignore-scripts --prefer-offline --no-audit --no-fund
    WORKING_DIRECTORY "${WORK}" TIMEOUT 300
    RESULT_VARIABLE status OUTPUT_QUIET ERROR_VARIABLE said)
  if(NOT status EQUAL 0)
    first_line(said "${said}")
    without_charts("npm ci failed: ${said}")
    return()
  endif()
  file(TOUCH "${installed}")
endif()

execute_process(
  COMMAND "${NODE}" node_modules/esbuild/bin/esbuild charts.js --bundle --minify --format=iife
    --target=es2020 --line-limit=400 --legal-comments=eof --log-level=error
    "--banner:js=/*! Apache ECharts, Copyright The Apache Software Foundation, Apache License 2.0. \
This product includes software developed at The Apache Software Foundation (https://www.apache.org/). */"
    "--outfile=${WORK}/bundle.js"
  WORKING_DIRECTORY "${WORK}" TIMEOUT 120
  RESULT_VARIABLE status OUTPUT_QUIET ERROR_VARIABLE said)
if(NOT status EQUAL 0)
  first_line(said "${said}")
  without_charts("esbuild failed: ${said}")
  return()
endif()
file(COPY_FILE "${WORK}/bundle.js" "${OUTPUT}" ONLY_IF_DIFFERENT)
file(TOUCH_NOCREATE "${OUTPUT}")
