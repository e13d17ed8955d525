#!/bin/sh
# SPDX-License-Identifier: MIT
# CPython's own tests of threads, locks, queues, pools, processes and signals: each test of them ends
# as it does natively. Both sides run at once, since most of the tests wait. A test that ends
# differently is run five times more on either side: some are late now and then on a busy machine.
#
# FULL=1 adds what takes minutes and says least: pools by spawn and forkserver, managers, TLS.
. "${0%/*}/lib.sh"
needs python3
python=/usr/bin/python3.11
[ -e /usr/lib/python3.11/test/test_threading.py ] || skip_all 'libpython3.11-testsuite is not installed'

limit_s=420
tests='test_threading test_thread test_queue test_threading_local test_threadsignals test_sched
	test_signal test_concurrent_futures test_multiprocessing_fork test_multiprocessing_spawn
	test_asyncio test_fork1 test_threadedtempfile test_selectors'
except=
if [ -n "${FULL:-}" ]; then
	tests="$tests test_subprocess test_faulthandler test_socketserver"
else
	for pattern in 'test_concurrent_futures.*Spawn*' 'test_concurrent_futures.*Forkserver*' \
		'*.WithManager*' 'test_multiprocessing_spawn.Test*' 'test_multiprocessing_spawn.WithProcesses*' \
		'test_asyncio.test_ssl*' '*.SiginterruptTest.*'; do
		except="$except -i *$pattern"
	done
fi
# It lists the descriptors of a child, which has one more for its trace.
except="$except -i *.test_pass_fds_redirected"

cat >outcomes.py <<'END'
"""outcomes.py [FILE...]: how each test ended, from regrtest's XML; a line each"""
import sys, xml.etree.ElementTree

outcomes = set()
for path in sys.argv[1:]:
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        how = sorted({case.get("result"), *(child.tag for child in case
                                            if child.tag in ("failure", "error", "skipped"))})
        outcomes.add((case.get("name"), " ".join(how)))
for name, how in sorted(outcomes):
    print(name, how)
END

# regrtest SIDE XML OPTION...
regrtest()
{
	xml=$2
	side=$1
	shift 2
	mkdir -p "in.$side"
	set -f
	on "$side" env TMPDIR="$tmp/in.$side" $python -m test --junit-xml="$tmp/$xml" \
		--tempdir="$tmp/in.$side" "$@" >>"$side.log" 2>&1 </dev/null
	set +f
}

set -f
# shellcheck disable=SC2086 # lists of words
{
	regrtest native native.xml -j2 $except $tests &
	other=$!
	regrtest trace trace.xml -j2 $except $tests
	wait $other
}
set +f
for side in native trace; do
	python3 outcomes.py $side.xml >$side.out
done
is 'CPython: many tests ran' yes "$([ "$(grep -c completed native.out)" -gt 1000 ] && echo yes)"

# Those that differ, again
diff native.out trace.out | sed -n 's/^[<>] \([^ ]*\) .*/\1/p' | sort -u >differ
while read -r test; do
	echo "# again: $(grep -h "^$test " native.out trace.out | tr '\n' ' ')"
	module=${test#test.}
	for side in native trace; do
		for again in 1 2 3 4 5; do
			regrtest $side $side.$again.xml -m "$test" "${module%%.*}"
		done
		python3 outcomes.py $side.[1-5].xml | grep "^$test " >$side.again
	done
	is "CPython: $test" "$(cat native.again)" "$(cat trace.again)"
done <differ
is 'CPython: the same tests, and few of them differed once' yes \
	"$([ "$(wc -l <differ)" -lt 10 ] && echo yes || cat differ)"
echo "# $(wc -l <native.out) tests, $(grep -c skipped native.out) of them skipped"
# Lost by design: a test takes more locks at once than a thread has places for, another has tiny stacks.
traces 'CPython' --traces=100 --acquisitions=10000 --lose=depth,stacks --killed

echo "1..$count"
