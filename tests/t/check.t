#!/bin/sh
# SPDX-License-Identifier: MIT
# lockprof check and diff as their user meets them: statuses, runs that check makes itself, and
# files for other programs, read by these (JUnit: junitparser). What is judged how is in the unit
# tests; how often that is right is measured by `make bench-check`.
. "${0%/*}/../lib/tap.sh"
lockprof=$BUILD/lockprof
sections=$BUILD/bench/sections

# run ARGUMENTS: the exit status; what it prints goes to ./out and ./err
run()
{
	timeout 120 "$lockprof" "$@" >out 2>err </dev/null && echo 0 || echo $?
}

# One run, and folders of runs: of the same program, with holds five times as long, with other locks.
mkdir base slow safe risky
for i in 1 2 3 4; do
	mkdir base/run-$i slow/run-$i
	"$lockprof" record -q -o base/run-$i/a.trace "$sections" 2 500 100
	"$lockprof" record -q -o slow/run-$i/a.trace "$sections" 2 500 500
done
"$lockprof" record -q -o safe/a.trace "$BUILD/samples/gate_lock" >/dev/null
"$lockprof" record -q -o risky/a.trace "$BUILD/samples/lock_order" >/dev/null

# Without a baseline and a budget only deadlocks fail.
is 'no deadlock' 0 "$(run check base/run-1/a.trace)"
is 'a deadlock that can happen' 3 "$(run check risky)"
like 'says which' '*PREDICTED*server has cache_mu and wants store_mu*lock_order.c:*' \
	"$(tr -s '\n ' ' ' <out)"
printf '[check]\ngate_hold = no\n' >nothing
is 'a known one' 0 "$(run check risky --baseline=risky/a.trace --budget=nothing)"
is 'a new one' 3 "$(run check risky -b safe)"
like 'and its edge in a cycle' '*this order lies in a cycle*' "$(tr -s '\n ' ' ' <out)"
echo 'PREDICTED:*:*' >rules
is 'suppressed' 0 "$(run check --suppressions=rules risky)"

# A baseline.
is 'holds five times as long' 3 "$(run check slow --baseline=base)"
like 'says what, by how much, how sure, where' \
	'*cache_mu: the median hold time went from * to *p = *4 new runs against 4*lookup < serve*sections.c:*' \
	"$(tr -s '\n ' ' ' <out)"
is 'nothing else got worse' '' "$(grep ^regression: out | grep -v -e cache_mu -e ' runs of')"
is 'getting faster is fine' 0 "$(run check base --baseline=slow)"
is 'too few runs' 4 "$(run check slow/run-1 slow/run-2 --baseline=base)"
like 'says how many it takes' '*at least 4 on each side*' "$(tr -s '\n ' ' ' <out)"
"$lockprof" record -q -o other.trace "$BUILD/samples/hot_counter" 2 100 >/dev/null
is 'another program' 4 "$(run check other.trace --baseline=base)"

# Budgets.
cat >budget <<'EOF'
[lock "cache_mu"]
hold_p50 = 1s
[lock-order]
cycles = 0
EOF
is 'within the budget' 0 "$(run check --budget=budget base/run-1)"
sed -i 's/1s/1ns/' budget
is 'over it' 3 "$(run check --budget=budget base/run-1)"
like 'says where that stands' '*the budget allows 1 ns (budget:2)*' "$(tr -s '\n ' ' ' <out)"
echo 'hold_p5O = 2us' >>budget
is 'a bad budget' 1 "$(run check --budget=budget base)"
is 'is refused with its line' 'lockprof: budget:5: unknown key hold_p5O' "$(cat err)"
is 'a budget is written' 0 "$(run check --write-budget base)"
mv out made
is 'and kept by what it was made from' 0 "$(run check --budget=made base)"
is 'but not by all' 3 "$(run check --budget=made slow)"

# Runs of its own.
is 'two programs in turn' 3 \
	"$(run check --runs=4 --keep=kept --baseline-cmd="'$sections' 2 500 100" -- "$sections" 2 500 500)"
is 'their traces are kept' '4 4' "$(echo $(ls -d kept/new/run-* | wc -l) $(ls -d kept/base/run-* | wc -l))"
is 'and can be read again' 3 "$(run check kept/new --baseline=kept/base)"
is 'never over others' 1 "$(run check --runs=1 --keep=kept --baseline-cmd=true -- true)"
is 'one program against an older baseline' 3 \
	"$(TMPDIR=$tmp run check --runs=4 --baseline=base -- "$sections" 2 500 500)"
is 'as many runs as it takes' 3 \
	"$(run check --runs=3 --max-runs=20 --keep=more --baseline-cmd="'$sections' 2 500 100" -- "$sections" 2 500 500)"
is 'and no more' '6 6' "$(echo $(ls -d more/new/run-* | wc -l) $(ls -d more/base/run-* | wc -l))"
like 'says that it looked again' '*6 runs of sections against 6;*each of 4 looks has its part of alpha*' \
	"$(tr -s '\n ' ' ' <out)"
is 'never less than one can tell' 4 \
	"$(run check --runs=1 --max-runs=3 --baseline-cmd="'$sections' 2 50 100" -- "$sections" 2 50 100)"
is 'a baseline that fails' '1 lockprof: run 1 of sh ended with status 7' \
	"$(run check --runs=3 --baseline-cmd="'$sections' 1 10 100; exit 7" -- "$sections" 1 10 100) $(cat err)"
is 'leaves nothing behind' '' "$(ls -d lockprof-check-* 2>/dev/null)"
is 'a program that fails' 1 "$(run check --runs=3 -- sh -c "'$sections' 1 10 100; echo said; exit 7")"
like 'its status is told' '*run 1 of sh ended with status 7*' "$(cat err)"
is 'what it prints is no part of the verdict' '' "$(grep said out)"
is 'a program that hangs and is killed' 3 \
	"$(run check --runs=1 -- timeout -s KILL 60 "$BUILD/samples/deadlock")"
like 'who waits for whom' '*OCCURRED*saver has checking.mu and wants savings.mu*' \
	"$(tr -s '\n ' ' ' <out)"

# Files for others.
export GITHUB_STEP_SUMMARY=$tmp/summary GITHUB_WORKSPACE=/nowhere
is 'all forms at once' 3 "$(run check slow -b base --github --junit=j.xml --sarif=s.json)"
like 'annotations' '::error file=*sections.c,line=*,title=lockprof*cache_mu hold_p50::cache_mu: *' \
	"$(grep -m1 '^::error' out)"
like 'a summary' '*### lockprof check: regression*| cache\\_mu | hold_p50 |*' "$(cat summary)"
is 'SARIF' 'error True lookup' "$(python3 - <<'EOF'
import json
run = json.load(open("s.json"))["runs"][0]
result = run["results"][0]
place = result["locations"][0]
print(result["level"], run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
      and place["physicalLocation"]["region"]["startLine"] > 0, place["logicalLocations"][0]["name"])
EOF
)"
cat >junit.py <<'EOF'
from junitparser import Failure, JUnitXml
suites = JUnitXml.fromfile("j.xml")
suite = next(iter(suites))
failed = [case for case in suite if any(isinstance(r, Failure) for r in case.result)]
before = suite.tests, suite.failures
suite.update_statistics()
print(before == (suite.tests, suite.failures) == (len(list(suite)), len(failed)),
      failed[0].classname, failed[0].name)
EOF
if /usr/bin/python3 -c 'import junitparser' 2>/dev/null; then
	is 'JUnit' 'True lockprof.robust cache_mu: hold_p50' "$(/usr/bin/python3 junit.py)"
else
	count=$((count + 1))
	echo "ok $count - JUnit # SKIP no python3-junitparser"
fi
is 'JSON of a check' 3 "$(run check --json slow -b base)"
is 'has its schema, verdict and results' 'lockprof-check/1 regression regression hold_p50 sections/mutex/cache_mu' \
	"$(python3 -c 'import json
c = json.load(open("out")); r = c["results"][0]
print(c["schema"], c["verdict"], r["verdict"], r["rule"], r["key"])')"

# Diff judges nothing.
is 'diff' 0 "$(run diff base slow)"
like 'shows the lock and the place' '*cache_mu*lookup < serve: held * > *' "$(tr -s '\n ' ' ' <out)"
is 'diff as JSON' 0 "$(run diff --json base slow)"
is 'says which locks are on both sides' \
	"lockprof-diff/1 cache_mu both 4 4, log_mu both 4 4, queue_mu both 4 4" \
	"$(python3 -c 'import json
d = json.load(open("out"))
print(d["schema"], ", ".join(" ".join(map(str, (l["name"], l["state"], l["base_runs"], l["new_runs"])))
      for l in sorted(d["locks"], key=lambda l: l["name"])))')"
is 'diff of what came and went' 0 "$(run diff base/run-1 safe)"
like 'says so' '*gone: *cache_mu*' "$(cat out)"

# Phases and units of work. A monitor takes table_mu at random times while the table is loaded; the
# counts of phase "serve" are exact. Holds are not what this is about.
requests=$BUILD/samples/request_phases
mkdir calm once twice folded
for i in 1 2 3; do
	mkdir calm/run-$i once/run-$i twice/run-$i folded/run-$i
	"$lockprof" record -q -o calm/run-$i/a.trace "$requests" 1000 >/dev/null
	"$lockprof" record -q -o once/run-$i/a.trace "$requests" 1000 >/dev/null
	"$lockprof" record -q -o twice/run-$i/a.trace "$requests" --twice 1000 >/dev/null
	"$lockprof" record -q --opt mode=profile -o folded/run-$i/a.trace "$requests" --twice 1000 \
		>/dev/null
done
printf '[check]\ngate_hold = no\n' >counts
serving()
{
	run check --budget=counts --phase=serve "$@"
}
is 'a phase that did not change' 0 "$(serving once -b calm)"
like 'its counts are exact' \
	'*serve table_mu acquisitions_per_unit 1.000 1.000 0 % exact - pass*' "$(tr -s '\n ' ' ' <out)"
is 'a lock once more for each request' 3 "$(serving twice -b calm)"
like 'says what, how often, where' \
	'*table_mu in phase serve: 2.000 acquisitions per unit of work instead of 1.000; rows_so_far < look_up gained 1.000. \[*request_phases.c:*' \
	"$(tr -s '\n ' ' ' <out)"
is 'and nothing else' 1 "$(grep -c '^regression: [^0-9]' out)"
is 'recorded as statistics' 3 "$(serving folded -b calm)"
like 'these count alike' '*table_mu in phase serve: 2.000 *rows_so_far < look_up gained 1.000.*' \
	"$(tr -s '\n ' ' ' <out)"
is 'another phase' 0 "$(run check --budget=counts --phase=load twice -b calm)"
is 'a phase that is not there' 3 "$(serving --phase=sevre once -b calm)"
like 'says which are' '*phase sevre: the new runs have no such phase; there are: load, serve.*' \
	"$(tr -s '\n ' ' ' <out)"
is 'a program without phases' 3 "$(serving slow -b base)"
like 'told of none' '*the new runs have no such phase; the program told of none.*' \
	"$(tr -s '\n ' ' ' <out)"
is 'all forms of a phase' 3 "$(serving twice -b calm --github --junit=j.xml --sarif=s.json)"
like 'annotations name it' '::error file=*,title=lockprof*table_mu in phase serve acquisitions_per_unit::*' \
	"$(grep -m1 '^::error' out)"
like 'JUnit does' '*name="table_mu in phase serve: acquisitions_per_unit"*' "$(cat j.xml)"
like 'SARIF does' '*exact|request_phases/mutex/table_mu in phase serve|acquisitions_per_unit*' \
	"$(cat s.json)"
like 'the summary does' '*table\\_mu in phase serve | acquisitions_per_unit*' "$(cat summary)"
is 'JSON of a phase' 3 "$(serving --json twice -b calm)"
is 'has its comparison' 'serve 3 3 1.0 2.0 1000 serve' "$(python3 -c 'import json
c = json.load(open("out")); phase = c["phases"][0]
table = [l for l in phase["locks"] if l["name"] == "table_mu"][0]["metrics"]["acquisitions_per_unit"]
print(phase["name"], phase["base_runs"], phase["new_runs"], float(table["base"]), float(table["new"]),
      phase["new"]["runs"][0]["work_units"], c["results"][0]["phase"])')"

# Budgets of phases.
cat >phased <<'EOF'
[phase "load"]
wait_share = 100%
[phase "serve"]
acquisitions_per_unit = 2
[lock "table_mu" in "serve"]
acquisitions_per_unit = 1
EOF
is 'within the budget of a phase' 0 "$(run check --budget=phased once)"
is 'over it' 3 "$(run check --budget=phased twice)"
like 'all locks are' '*all locks in phase serve: the number of acquisitions per unit of work is 3.000 in the median run; the budget allows 2.000 (phased:4)*' \
	"$(tr -s '\n ' ' ' <out)"
like 'and the lock' '*table_mu in phase serve: *is 2.000 in the median run; the budget allows 1.000 (phased:6)*' \
	"$(tr -s '\n ' ' ' <out)"
printf '[phase "load"]\nacquisitions_per_unit = 9\n' >phased
is 'a limit for units that are not told' 4 "$(run check --budget=phased once)"
like 'says so' '*not all of the new runs mark their units of work.*' "$(tr -s '\n ' ' ' <out)"
printf '[phase "stop"]\nwait_total = 1s\n[check]\non_missing_phase = ignore\n' >phased
is 'a phase that may be missing' 0 "$(run check --budget=phased once)"
is 'a budget of phases is written' 0 "$(run check --write-budget calm)"
is 'with what is exact' 'acquisitions_per_unit = 1' \
	"$(sed -n '/table_mu" in "serve"/,/^$/s/^\(acquisitions_per_unit = [0-9.]*\).*/\1/p' out)"
mv out made
is 'and is over when that grows' 3 "$(run check --budget=made twice)"
like 'in the phase' '*table_mu in phase serve: *2.000 in the median run*' "$(tr -s '\n ' ' ' <out)"

is 'diff of a phase' 0 "$(run diff --phase=serve calm twice)"
like 'counts by units of work' '*phase serve, *, 1000 units of work*table_mu*1.000 2.000 +100 %*rows_so_far < look_up: *taken +1.000 per unit of work*' \
	"$(tr -s '\n ' ' ' <out)"
is 'diff of no phase' 1 "$(run diff --phase=sevre calm twice)"
is 'says which there are' 'lockprof: there is no phase "sevre"; there are: "load", "serve"' "$(cat err)"

# Files are read once for all runs: each process that reads them is one byte in ./forks.
"${CC:-cc}" -shared -fPIC -o forks.so -x c - <<'EOF'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
pid_t fork(void)
{
	pid_t (*real)(void) = dlsym(RTLD_NEXT, "fork");
	return write(9, "+", 1) == 1 ? real() : -1;
}
EOF
forks()
{
	: >forks
	timeout 120 env LD_PRELOAD="$tmp/forks.so" "$lockprof" "$@" >out 2>err </dev/null 9>>forks
	wc -c <forks
}
is 'check reads the files of eight runs in one process' 1 "$(forks check slow -b base)"
is 'so does diff' 1 "$(forks diff base slow)"
is 'so does a page of two' 1 \
	"$(forks html -o page.html slow/run-1/a.trace --base base/run-1/a.trace)"

# Two builds of one path, alike but for a name; the older has left its debug file only.
build()
{
	"${CC:-cc}" -g -Wl,--build-id -o app -x c - -pthread <<-EOF
		#include <pthread.h>
		static pthread_mutex_t $1 = PTHREAD_MUTEX_INITIALIZER;
		int main(void) { return pthread_mutex_lock(&$1) | pthread_mutex_unlock(&$1); }
	EOF
	"$lockprof" record -q -o "$1.trace" ./app
}
build older_mu
id=$(readelf -n app | sed -n 's/.*Build ID: //p')
mkdir -p "debug/.build-id/${id%"${id#??}"}"
objcopy --only-keep-debug app "debug/.build-id/${id%"${id#??}"}/${id#??}.debug"
build newer_mu
is 'two builds of one program' 0 \
	"$(LOCKPROF_DEBUG_PATH=$tmp/debug run diff --json older_mu.trace newer_mu.trace)"
is 'each has its own names' 'newer_mu appeared, older_mu vanished' "$(python3 -c 'import json
print(", ".join(sorted(l["name"] + " " + l["state"] for l in json.load(open("out"))["locks"])))')"

# Wrong usage, and what cannot be read.
is 'nothing to check' 2 "$(run check)"
is 'a command without --runs' 2 "$(run check --keep=x -- true)"
is 'more runs without a baseline' 2 "$(run check --runs=2 --max-runs=4 -- true)"
is 'more runs that are fewer' 2 "$(run check --runs=2 --max-runs=1 -b base -- true)"
is 'more runs of none' 2 "$(run check --max-runs=4 -b base base)"
is 'two baselines' 2 "$(run check --runs=2 -b base --baseline-cmd=true -- true)"
is 'one operand for diff' 2 "$(run diff base)"
is 'no such trace' 1 "$(run check none.trace -b base)"
is 'an empty folder' 1 "$(mkdir empty; run diff base empty)"
like 'is named' '*empty: no traces*' "$(cat err)"

echo "1..$count"
