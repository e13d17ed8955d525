#!/bin/sh
# SPDX-License-Identifier: MIT
# How large the HTML page is, and how fast in Chromium: a million acquisitions of 64 threads, all in it;
# and LARGE thousand (20,000), of which the longest are. What it shall be: 12 MB, ready in 1.5 s, a redraw
# in 16 ms, a span counted in 0.3 s.
. "$(dirname "$0")/common"

root=$(cd "$(dirname "$0")/../.." && pwd)
if ! command -v node >/dev/null || [ ! -d "$root/viz/node_modules/playwright-core" ]; then
	echo "page: skipped, needs node and make viz"
	exit 0
fi

# measure ROW THOUSANDS
measure()
{
	"$bench/bench_page" "$work/trace" "$2" 64 || exit 1
	begin=$(date +%s%N)
	"$lockprof" html -o "$work/page.html" "$work/trace" >/dev/null || exit 1
	end=$(date +%s%N)
	rm -f "$work/trace"
	echo "$1|made in s|$(awk -v t="$((end - begin))" 'BEGIN { printf "%.1f", t / 1e9 }')"
	echo "$1|MB|$(stat -c %s "$work/page.html" | awk '{ printf "%.1f", $1 / 1e6 }')"
	for round in $(rounds 3); do
		node "$root/tests/page/measure.mjs" "$work/page.html" | sed "s/^/$1|/"
	done
}

echo "page, 64 threads"
{
	measure "1e6 acquisitions" 1000
	measure "${LARGE:-20000}e3 acquisitions" "${LARGE:-20000}"
} | table page
