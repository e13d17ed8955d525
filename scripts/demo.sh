#!/bin/sh
# SPDX-License-Identifier: MIT
# The whole way once: record a sample, read its report. `make demo` runs it after the build.
set -eu
build=${1:-build}
trace=$build/demo.trace

echo "\$ lockprof record -o $trace -- $build/samples/io_under_lock"
"$build/lockprof" record --quiet -o "$trace" -- "$build/samples/io_under_lock"
echo
echo "\$ lockprof report $trace"
LOCKPROF_PAGER='' "$build/lockprof" report "$trace"
echo
echo "The trace is $trace; the program was samples/io_under_lock.c."
