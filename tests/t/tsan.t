#!/bin/sh
# SPDX-License-Identifier: MIT
# The shim's shared parts under the thread sanitizer: no report, and every pair is in the trace.
. "$(dirname "$0")/../lib/tap.sh"

# Older sanitizers cannot place their shadow when addresses are random in many bits.
fixed="setarch $(uname -m) -R"
$fixed true 2>/dev/null || fixed=

for threads in "$BUILD"/tsan/*/threads; do
	compiler=$(basename "$(dirname "$threads")")
	for options in mode=trace mode=trace:max_size=1m mode=profile; do
		rm -f trace
		said=$(LOCKPROF_OPTIONS=output=$tmp/trace:$options timeout 150 $fixed "$threads" 15 2>&1)
		is "$compiler, $options: ends well" 0 $?
		is "$compiler, $options: no report" '' "$(echo "$said" | grep -A30 ThreadSanitizer)"
		seen=$("$BUILD/lockprof" report --json trace |
			python3 -c 'import json, sys; print(json.load(sys.stdin)["run"]["acquisitions"])')
		is "$compiler, $options: all pairs" "pairs $seen" "$(echo "$said" | grep ^pairs)"
	done
done
echo "1..$count"
