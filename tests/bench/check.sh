#!/bin/sh
# SPDX-License-Identifier: MIT
# How often lockprof check is right: false failures of unchanged programs, detections of changed ones.
#
# A round records every variant of a program with known sections several times, in turn and in turn
# first, so that what the machine does meanwhile comes to all alike; then each variant is checked
# against the base of its round, with gate_wait=yes, so that all tiers are asked. Then lockprof
# check makes its own runs, as many as it takes for waiting. Then the same with a busy loop beside it
# for each processor, a little nicer than the programs.
#
#   ROUNDS=100   rounds without, and as many with load; LOADS=no: only without
#   SAVE=FILE    adds a line for each check to a file; check_table.py makes a table of such files
#   CPU, IO      variants of the program's two kinds of turns, see sections.c
#   CPU_RUNS="5 8", IO_RUNS=8   a check for each of these numbers of runs a side
#   ADAPT        variants for --runs=8 --max-runs=32, which only waiting gates
#
# Prints, for each variant: how many checks there were; in how many of them each tier failed, and in
# how many waiting could not be told; and the usual waits, compared with the base's.
. "$(dirname "$0")/common"

cpu=${CPU-unchanged x1.1 x1.25 x2 added removed threads}
io=${IO-io-unchanged io-x1.5 io-x2}
adapt=${ADAPT-unchanged io-unchanged io-x2}
sections=$bench/sections
printf '[check]\ngate_wait = yes\n' >"$work/all.ini"
printf '[check]\ngate_wait = yes\ngate_hold = no\n' >"$work/wait.ini"

# variant NAME: the arguments of the program
arguments() {
	case $1 in
	base | unchanged) echo 2 2000 100 ;;
	x*) echo 2 2000 "$(echo "${1#x}" | awk '{ print $1 * 100 }')" ;;
	added | removed) echo 2 2000 100 "$1" ;;
	threads) echo 4 1000 100 ;;
	io-base | io-unchanged) echo 4 100 100 io ;;
	io-x*) echo 4 100 "$(echo "${1#io-x}" | awk '{ print $1 * 100 }')" io ;;
	esac
}

# record VARIANT RUN
record() {
	mkdir -p "$work/$1/run-$2"
	# shellcheck disable=SC2046 # several words
	LOCKPROF_OPTIONS=output=$work/$1/run-$2/a.trace LD_PRELOAD=$shim "$sections" $(arguments "$1")
}

# check VARIANT LOAD RUNS ARGUMENT...: prints a line; RUNS are as the table calls them
check() {
	variant=$1
	load=$2
	runs=$3
	shift 3
	"$lockprof" check --json "$@" >"$work/json" 2>/dev/null
	echo "$variant|$load|$runs|$?|$(python3 -S -c '
import json, sys
check = json.load(sys.stdin)
tiers = lambda verdict: " ".join({r["tier"] for r in check["results"] if r["verdict"] == verdict})
print(len(check["new"]["runs"]), tiers("regression"), tiers("inconclusive"),
      check["total"]["metrics"]["wait_usual_share"]["ratio"] or 0, sep="|")
' <"$work/json")"
}

# judge LOAD RUNS BASE VARIANT...: by the first RUNS runs of each
judge() {
	load=$1
	runs=$2
	base=$3
	shift 3
	for variant in "$@"; do
		set --
		for run in $(seq "$runs"); do
			set -- "$@" "$work/$variant/run-$run" -b "$work/$base/run-$run"
		done
		check "$variant" "$load" "$runs" --budget="$work/all.ini" "$@"
	done
}

# series LOAD RUNS BASE VARIANT...: one round; RUNS are several numbers
series() {
	load=$1
	counts=$2
	shift 2
	reversed=
	for variant in "$@"; do
		reversed="$variant $reversed"
		rm -rf "${work:?}/$variant"
	done
	for run in $(seq "${counts##* }"); do
		# shellcheck disable=SC2086 # a list of words
		[ $((run % 2)) = 1 ] && order=$* || order=$reversed
		for variant in $order; do
			record "$variant" "$run"
		done
	done
	for runs in $counts; do
		judge "$load" "$runs" "$@"
	done
}

# adaptive LOAD VARIANT...
adaptive() {
	load=$1
	shift
	for variant in "$@"; do
		case $variant in
		io-*) base=io-base ;;
		*) base=base ;;
		esac
		# shellcheck disable=SC2046 # several words
		check "$variant" "$load" "8 to 32" --budget="$work/wait.ini" --runs=8 --max-runs=32 \
			--baseline-cmd="'$sections' $(arguments $base)" -- "$sections" $(arguments "$variant")
	done
}

round() {
	# shellcheck disable=SC2086 # lists of words
	[ -z "$cpu" ] || series "$1" "${CPU_RUNS:-5 8}" base $cpu
	# shellcheck disable=SC2086
	[ -z "$io" ] || series "$1" "${IO_RUNS:-8}" io-base $io
	# shellcheck disable=SC2086
	[ -z "$adapt" ] || adaptive "$1" $adapt
}

start_load() {
	for processor in $(seq "$(nproc)"); do
		nice -n 5 sh -c 'while :; do :; done' &
		loaders="$loaders $!"
	done
}

measure() {
	loaders=
	trap 'kill $loaders 2>/dev/null' EXIT
	trap 'exit 130' INT TERM
	for load in ${LOADS:-no yes}; do
		[ "$load" = no ] || start_load
		for i in $(rounds 100); do
			round "$load"
		done
	done
}

measure | tee -a "${SAVE:-/dev/null}" >"$work/lines"
python3 tests/bench/check_table.py <"$work/lines"
