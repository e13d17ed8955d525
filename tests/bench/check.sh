#!/bin/sh
# SPDX-License-Identifier: MIT
# How often lockprof check is right: false failures of unchanged programs, detections of changed ones.
#
# A round records every variant of a program with known sections RUNS times, in turn and in turn
# first, so that what the machine does meanwhile comes to all alike; then each variant is checked
# against the base of its round, with gate_wait=yes, so that all tiers are asked. Then the same with
# a busy loop beside it for each processor.
#
#   ROUNDS=100   rounds without, and as many with load; LOADS=no: only without
#   SAVE=FILE    adds a line for each check to a file
#   CPU, IO      variants of the program's two kinds of turns, see sections.c; 5 and 8 runs a side
#   IO_RUNS=16   other than 8
#
# Prints, for each variant: how many checks there were; in how many of them each tier failed, and in
# how many it could not tell, in per cent; and the wait time, compared with the base's.
. "$(dirname "$0")/common"

cpu=${CPU-unchanged x1.1 x1.25 x2 added removed threads}
io=${IO-io-unchanged io-x1.5 io-x2}
sections=$bench/sections
printf '[check]\ngate_wait = yes\n' >"$work/wait.ini"

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

# judge LOAD BASE VARIANT...
judge() {
	load=$1
	base=$2
	shift 2
	for variant in "$@"; do
		"$lockprof" check --json "$work/$variant" -b "$work/$base" --budget="$work/wait.ini" >"$work/json"
		echo "$variant|$load|$?|$(python3 -S -c '
import json, sys
check = json.load(sys.stdin)
tiers = lambda verdict: " ".join({r["tier"] for r in check["results"] if r["verdict"] == verdict})
print(tiers("regression"), tiers("inconclusive"), check["total"]["metrics"]["wait_ns"]["ratio"] or 0, sep="|")
' <"$work/json")"
	done
}

# series LOAD RUNS BASE VARIANT...: one round
series() {
	load=$1
	runs=$2
	shift 2
	reversed=
	for variant in "$@"; do
		reversed="$variant $reversed"
		rm -rf "${work:?}/$variant"
	done
	for run in $(seq "$runs"); do
		# shellcheck disable=SC2086 # a list of words
		[ $((run % 2)) = 1 ] && order=$* || order=$reversed
		for variant in $order; do
			record "$variant" "$run"
		done
	done
	judge "$load" "$@"
}

round() {
	# shellcheck disable=SC2086 # lists of words
	[ -z "$cpu" ] || series "$1" 5 base $cpu
	# shellcheck disable=SC2086
	[ -z "$io" ] || series "$1" "${IO_RUNS:-8}" io-base $io
}

start_load() {
	for processor in $(seq "$(nproc)"); do
		sh -c 'while :; do :; done' &
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
