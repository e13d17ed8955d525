#!/bin/sh
# SPDX-License-Identifier: MIT
# lockprof html as a command: its file, its exit status, what it does with traces that are damaged or
# have next to nothing in them. What the page shows is page.t's.
. "${0%/*}/../lib/tap.sh"
lockprof=$BUILD/asan/lockprof

# status COMMAND...: its exit status; stdout goes to ./out, stderr to ./err
status()
{
	"$@" >out 2>err </dev/null && echo 0 || echo $?
}

# field FILE EXPRESSION: of the JSON in the page, as Python sees it
field()
{
	python3 - "$1" "$2" <<'END'
import json, re, sys
elements = dict(re.findall(r'<script type="[^"]*" id="([^"]*)">([^<]*)</script>', open(sys.argv[1]).read()))
page = json.loads(elements["lockprof-page"])
run, order = page["runs"][-1], json.loads(elements.get("lockprof-order", "null"))
print(eval(sys.argv[2]))
END
}

for name in known after empty quiet hostile; do
	"$BUILD/tests/page_traces" "$name" "$name.trace"
done

is 'status' 0 "$(status $lockprof html known.trace)"
is 'names the page' known.html "$(cat out)"
is 'says nothing else' '' "$(cat err)"
is 'ends as a page does' '</html>' "$(tail -n 1 known.html)"
is 'nobody is kept from reading it' "$(umask 022; touch plain; stat -c %a plain)" "$(umask 022; $lockprof html known.trace >/dev/null; stat -c %a known.html)"

# Where it goes.
is 'to a file' 0 "$(status $lockprof html -o a.html known.trace)"
is 'the same every time' yes "$(cmp a.html known.html >&2 && echo yes)"
is 'to stdout' 0 "$(status $lockprof html -o - known.trace)"
is 'that is the page' yes "$(cmp out known.html >&2 && echo yes)"
# Not into /dev: a tool that is at fault, run by root, would put a file in the place of a device.
mkfifo pipe
cat pipe >piped &
is 'to a pipe' 0 "$(status $lockprof html -o pipe known.trace)"
wait $!
is 'which stays' yes "$([ -p pipe ] && echo yes)"
is 'and got the page' yes "$(cmp piped known.html >&2 && echo yes)"
is 'to a folder that is not there' 1 "$(status $lockprof html -o none/a.html known.trace)"
like 'says which file' '*none/a.html: No such file*' "$(cat err)"
is 'to a folder' 1 "$(status $lockprof html -o . known.trace)"
is 'to a full disk' 1 "$($lockprof html -o - known.trace >/dev/full 2>err; echo $?)"
like 'says so' '*No space left*' "$(cat err)"
echo old >b.html
is 'no room for the page' 1 "$(status sh -c "ulimit -f 100; trap '' XFSZ; exec env ASAN_OPTIONS=detect_leaks=0 $BUILD/lockprof html -o b.html known.trace")"
is 'the older page is left' old "$(cat b.html)"
is 'and no part of a new one' b.html "$(echo b.html*)"

# Wrong use, wrong files.
is 'no trace' 2 "$(status $lockprof html)"
is 'a phase that the traces do not know' 2 "$(status $lockprof html -o c.html --phase=x known.trace)"
like 'says so' '*there is no phase "x"*' "$(cat err)"
is 'unknown option' 2 "$(status $lockprof html --nonsense known.trace)"
is 'a trace that is not there' 1 "$(status $lockprof html -o c.html none.trace)"
is 'no page of it' no "$([ -e c.html ] && echo yes || echo no)"
is 'a base that is not there' 1 "$(status $lockprof html -o c.html --base=none.trace known.trace)"
head -c 200000 known.trace >torn.trace
printf 'broken' | dd of=torn.trace bs=1 seek=140000 conv=notrunc 2>/dev/null
like 'a damaged trace: what is good is shown' '[01]' "$(status $lockprof html -o torn.html torn.trace)"
is 'and the page says that something is missing' False "$(field torn.html 'run["complete"]')"

# What is in it: against the report, the same lists add up to the same sums.
total=$($lockprof report --json known.trace | python3 -c 'import json, sys; print(json.load(sys.stdin)["run"]["wait_ns"])')
is 'waiting' "$total" "$(field known.html 'run["totals"]["wait_ns"]')"
for list in waits waiters blames blockings sites; do
	is "$list add up to it" "$total" "$(field known.html "sum(e['wait_ns'] for e in run['$list'])")"
done
is 'classes add up to it' "$total" "$(field known.html 'sum(c["all"]["wait_ns"] for c in run["classes"])')"
is 'intervals: holds and waits' '108 3' "$(field known.html 'sum(run["timeline"]["holds"]), sum(run["timeline"]["waits"])' | tr -d '(,)')"
is 'all of them are there' True "$(field known.html 'run["timeline"]["kept"] == run["timeline"]["intervals"] == 111')"
is 'fewer when that is wanted' True "$(status $lockprof html --events=50 -o few.html known.trace >/dev/null; field few.html 'run["timeline"]["kept"] <= 50 and run["timeline"]["bins"] > 0')"
is 'the totals stay' "$total" "$(field few.html 'run["totals"]["wait_ns"]')"
is 'the lock order in brief: no stacks of orders' True "$(field known.html 'len(order["edges"]) > 0 and all("stacks" not in e for e in order["edges"])')"
is 'a title' 'A <b> & "c"' "$($lockprof html --title='A <b> & "c"' -o t.html known.trace >/dev/null; field t.html 'page["title"]')"
is 'a comparison has two runs' '2 3000000 True' "$($lockprof html --base=known.trace -o d.html after.trace >/dev/null; field d.html 'len(page["runs"]), page["runs"][0]["totals"]["wait_ns"] - 1000000, page["runs"][0]["timeline"] is None' | tr -d '(,)')"
is 'next to nothing: no use of a lock' 0 "$(status $lockprof html empty.trace)"
is 'which is a page with no lock' 0 "$(field empty.html 'len(run["classes"])')"
is 'nobody waits' 0 "$(status $lockprof html quiet.trace)"
is 'which has no wait' '0 1' "$(field quiet.html 'len(run["waits"]), run["totals"]["acquisitions"]' | tr -d '(,)')"

# Phases: the parts of the whole, and each of them alone.
"$BUILD/tests/page_traces" phases phases.trace
is 'phases' 0 "$(status $lockprof html phases.trace)"
is 'they add up to the run' '3750000 9 10' "$(field phases.html '[sum(p["all"][k] for p in run["phases"]) for k in ("wait_ns", "acquired")], run["work_units"]' | tr -d '([,])')"
is 'and so do their classes' True "$(field phases.html 'all(sum(c[k] for c in p["classes"]) == p["all"][k] for p in run["phases"] for k in ("wait_ns", "acquired", "hold_ns"))')"
is 'one of them alone' 0 "$(status $lockprof html -o serve.html --phase=serve phases.trace)"
is 'which has its numbers' "$($lockprof report --json --phase=serve phases.trace | python3 -c 'import json, sys; r = json.load(sys.stdin)["run"]; print(r["wait_ns"], r["acquisitions"], r["thread_ns"])')" \
	"$(field serve.html '[run["totals"][k] for k in ("wait_ns", "acquisitions", "thread_ns")]' | tr -d '[,]')"
is 'and which it is' serve "$(field serve.html 'run["phases"][run["only_phase"]]["name"]')"
is 'a base without that phase' 2 "$(status $lockprof html -o c.html --phase=serve --base=known.trace phases.trace)"
is 'a run without phases' '0 0 None' "$(field known.html 'len(run["phases"]), run["work_units"], run["only_phase"]' | tr -d '(,)')"

# Names can end no element: three of JSON and text begin a line, and the page's own script.
$lockprof html hostile.trace >/dev/null
is 'hostile names: as many elements as without them' "$(grep -c '<script' known.html)" "$(grep -c '<script' hostile.html)"
is 'hostile names: nothing that is HTML' 0 "$(grep -c -e '<img' -e '<b>' -e '<i>' hostile.html)"
is 'hostile names: as they were' True "$(field hostile.html 'run["locks"][0]["name"].startswith("</script><script>")')"

# record makes it at the end.
is 'record --html' 0 "$(status "$BUILD/lockprof" record --html -o r.trace -- "$BUILD/samples/barrier_phases")"
is 'makes the page' yes "$([ -s r.html ] && echo yes)"
like 'and says so' '*made */r.html*' "$(cat err)"
is 'record --html=FILE' 0 "$(status "$BUILD/lockprof" record --quiet --html=e.html -o r.trace -- "$BUILD/samples/barrier_phases")"
is 'makes that one' yes "$([ -s e.html ] && echo yes)"
is 'and is quiet' '' "$(cat err)"
is 'the status is the program'"'"'s' 7 "$(status "$BUILD/lockprof" record --quiet --html=f.html -o r.trace -- sh -c "$BUILD/samples/barrier_phases; exit 7")"
is 'a page that cannot be written' 1 "$(status "$BUILD/lockprof" record --quiet --html=none/f.html -o r.trace -- "$BUILD/samples/barrier_phases")"
echo "1..$count"
