#!/bin/sh
# SPDX-License-Identifier: MIT
# How fast `lockprof report` reads real traces, and in how much memory; then the model alone on
# generated ones (bench_model), which leaves symbols and printing out.
. "$(dirname "$0")/common"

pairs=${PAIRS:-20000000}

# measure ROW: the report on the trace in $work/trace, which the page cache has
measure() {
	acquired=$(fact acquisition)
	bytes=$(fact file_bytes)
	for round in $(rounds 3); do
		set -- "$1" $("$bench/cost" "$lockprof" report "$work/trace")
		cat <<-END
		$1|M acquisitions|$(awk -v n="$acquired" 'BEGIN { printf "%.1f", n / 1e6 }')
		$1|MB|$((bytes / 1000000))
		$1|M/s|$(awk -v n="$acquired" -v t="$2" 'BEGIN { printf "%.1f", n * 1e3 / t }')
		$1|cpu s|$(awk -v t="$3" 'BEGIN { printf "%.2f", t / 1e9 }')
		$1|max RSS kB|$4
		END
	done
}

echo "report, million acquisitions per second"
{
	ours trace "$bench/pair" mutex many "$pairs" plain >/dev/null
	measure "1 thread, 64 locks"
	ours trace "$bench/contended" private 8 25 25 2000 >/dev/null
	measure "8 threads, a lock each"
	ours trace "$bench/contended" mutex 8 25 125 2000 >/dev/null
	measure "8 threads, one lock"
} | RANGES=M/s table trace
"$bench/bench_model" 5
echo
