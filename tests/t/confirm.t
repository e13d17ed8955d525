#!/bin/sh
# SPDX-License-Identifier: MIT
# lockprof confirm: a deadlock that can happen is made to happen, one that cannot is not, and
# either way it comes to an end and says what it saw.
. "${0%/*}/../lib/tap.sh"
program=$BUILD/tests/may_deadlock

# find KIND: the id of the finding in a recording of KIND, ./t.trace
find()
{
	rm -f t.trace
	LD_PRELOAD=$BUILD/liblockprof.so LOCKPROF_OPTIONS=output=$tmp/t.trace "$program" "$1" \
		>/dev/null
	"$BUILD/lockprof" order --json t.trace |
		python3 -c 'import json, sys; print(json.load(sys.stdin)["findings"][0]["id"])'
}

# confirm ARGUMENT...: its exit status; the output goes to ./out and ./err
confirm()
{
	timeout 60 "$BUILD/lockprof" confirm "$@" >out 2>err </dev/null
	echo $?
}

# happens KIND RUNS WORDS: it is found, and confirmed in one of so many runs, and told
happens()
{
	is "$1 is confirmed" 3 \
		"$(confirm --trace=t.trace --runs="$2" --delay=500 "$(find "$1")" -- "$program" "$1")"
	like "... in words, $1" "*CONFIRMED in run [1-$2] of $2:*$3*" "$(tr -s ' \n' ' ' <out)"
}

# plan KIND: the places of its finding, in ./plan
plan()
{
	confirm --trace=t.trace --print-plan "$(find "$1")" -- "$program" >code
	cp out plan
}

# A long delay costs no time where it is not needed: all go on when the last one has come.
happens abba 1 'holds a, taken in a_then_b (*) waits for b in a_then_b (*)'
happens wrapped 1 'wrapped_b_then_a'
happens philosophers 1 'holds forks\[0\]'
happens rwlocks 1 'holds index_lock, taken in read_index'
happens timed 1 'waits for a, up to a deadline, in b_then_timed_a'
happens rereads 1 'waits for fair in read_twice'
happens monitor 1 'waits for a in say_ready (*)*waits for ready in wait_ready (*)'
happens joins 1 'to end in joins'

# When all are delayed at these places, nobody is on the way to the one that waits for it.
happens crowd 2 'wrapped_b_then_a'
# A delay in front of the request keeps the partner away; right behind the first lock it does not.
happens between 3 'a_c_then_b (*holds b, taken in b_then_a'
# Nor does that, when it has to have its turn with the first lock before: who asks first comes last.
happens before 5 'holds b, taken in b_then_a'

# Children and executed programs take part. Without --trace the newest one is meant.
plan abba
cp plan abba.plan
is 'abba in a child' 3 "$(confirm --plan=plan --runs=1 --delay=500 -- "$program" child)"
is 'abba in another program' 3 "$(confirm --plan=plan --runs=1 --delay=500 -- "$program" exec)"
"$BUILD/lockprof" record -q -- "$program" rwlocks >out 2>err
touch -d '1 minute ago' lockprof.may_deadlock.*.trace
"$BUILD/lockprof" record -q -- "$program" abba >out 2>err
is 'the newest trace' 3 "$(confirm --runs=1 --delay=500 "$(find abba)" -- "$program" abba)"
like '... is named' "*finding * of lockprof.may_deadlock.*.trace*" "$(cat err)"

# What cannot happen does not, and what was reached is told.
is 'what a gate keeps apart is not confirmed' 0 \
	"$(confirm --plan=plan --runs=5 --delay=5 -- "$program" gated)"
like '... and it is said how far it came' \
	'done done done done done not reproduced in 5 runs. *: 1. [ab]_then_[ab] (*), holding the lock of [ab]_then_[ab] (*) reached 5 x, with the lock 5 x, delayed * x (*), met 0 x*2. [ab]_then_[ab] *' \
	"$(tr -s ' \n' ' ' <out)"
plan between
is 'delays in front of the request alone' 0 \
	"$(confirm --plan=plan --runs=1 --delay=50 -- "$program" between)"
like '... keep the other thread away' '*waited in vain for the others*' "$(cat out)"
plan wrapped
is 'threads at the same places with other locks' 0 \
	"$(confirm --plan=plan --runs=1 --delay=300 -- "$program" unrelated)"
is '... do not meet' '2 0' \
	"$(grep -c 'with the lock 2 x' out) $(grep -c 'met [1-9]' out)"
cp abba.plan plan
is 'places that the program never comes to' 0 \
	"$(confirm --plan=plan --runs=1 -- "$program" rwlocks)"
like '... are called so' '*reached 0 x*never reached*' "$(tr '\n' ' ' <out)"

# Delays are bounded, for a thread that comes often, too.
is 'a place that is reached often' 0 \
	"$(confirm --plan=plan --runs=1 --delay=5 -- "$program" often)"
is '... is not delayed each time' yes "$(awk '/reached 2,000 x/ { sub(/.*delayed /, ""); gsub(/,/, "")
	if ($1 > 0 && $1 <= 20) print "yes"; else print $0 }' out)"
cp abba.plan plan
is 'a program that does not end' 0 "$(confirm --plan=plan --runs=1 --delay=1 --timeout=1 -- \
	"$program" endless)"
like '... is ended' '*run 1 of 1: ended after its time*' "$(cat err)"
is 'a program that exits early' 0 "$(confirm --plan=plan --runs=2 -- "$program" exits)"

# The library leaves each call by a jump: the shim behind it sees the same callers as without it,
# whichever compiler made it, and without optimisation too.
root=$OLDPWD
nodes()
{
	rm -f t.trace
	LD_PRELOAD=$1 LOCKPROF_OPTIONS=output=$tmp/t.trace "$program" abba >/dev/null
	"$BUILD/lockprof" dump -r t.trace | sed -n 's/^stack [0-9]* //p; s/^node.* site /asks /p' |
		sort
}
nodes "$BUILD/liblockprof.so" >alone
like 'there are places to compare' '*asks 1+0x*at 1+0x*' "$(sort -r alone | sort -k 1,1 | tr '\n' ' ' <alone)"
nodes "$BUILD/liblockprof-confirm.so:$BUILD/liblockprof.so" >both
is 'the shim sees the same places behind the library' '' "$(diff alone both)"
for cc in gcc clang; do
	command -v $cc >/dev/null || continue
	make -s -C "$root" BUILD="$tmp/$cc" CC=$cc CFLAGS=-O0 "$tmp/$cc/liblockprof-confirm.so" \
		>made 2>&1 || cat made >&2
	is "$cc -O0 makes the library" yes \
		"$([ -s "$tmp/$cc/liblockprof-confirm.so" ] && echo yes)"
	nodes "$tmp/$cc/liblockprof-confirm.so:$BUILD/liblockprof.so" >both
	is '... with the same places behind it' '' "$(diff alone both)"
done

# The program's own affairs.
is 'standard input and output are its own' 'in out' \
	"$(echo in | "$BUILD/lockprof" confirm --plan=plan --runs=1 -- sh -c 'cat; echo out' |
		sed '/not reproduced/,$d' | xargs)"
is 'LD_PRELOAD is kept' "$BUILD/liblockprof-confirm.so:$BUILD/liblockprof.so:libm.so.6" \
	"$(LD_PRELOAD=libm.so.6 "$BUILD/lockprof" confirm --plan=plan --runs=1 -- \
		sh -c 'echo $LD_PRELOAD' | head -1)"
is 'no trace is left behind' '' "$(TMPDIR=$tmp; export TMPDIR; confirm --plan=plan \
	-- "$program" abba >code; echo lockprof-confirm* | grep -v '\*')"
is '--keep' 3 "$(TMPDIR=$tmp; export TMPDIR; confirm --keep --plan=plan -- "$program" abba)"
pid=$(sed -n 's/^Process \([0-9]*\) is left as it stands.*/\1/p' out)
is '... leaves the process' may_deadlock "$(cat "/proc/$pid/comm")"
is '... and its trace' yes "$(ls lockprof-confirm.*/"$pid".trace >seen && echo yes)"
kill -9 "$pid"

# Another deadlock than the one that was asked for.
is 'another deadlock' 3 "$(confirm --plan=plan --runs=1 --delay=1 -- "$program" hangs)"
like '... is told, and called so' '*ANOTHER deadlock in run 1 of 1*holds a, taken in*' "$(cat out)"

# What cannot work is said.
sed 's/^module 1 [0-9a-f]*/module 1 00112233/' abba.plan >plan
is 'another build of the program' 1 "$(confirm --plan=plan -- "$program" abba)"
like '... is told from the recorded one' '*/may_deadlock is not the file that was recorded*' "$(cat err)"
printf 'lockprof-plan 1\nmodule 1 - %s\nmember held 1+0x1\n' "$program" >plan
is 'a bad plan' 1 "$(confirm --plan=plan -- "$program" abba)"
like '... and where it is bad' "*plan: line 3: *wanted*" "$(cat err)"
is 'a plan that is not there' 1 "$(confirm --plan=none -- "$program" abba)"
is 'a command that is not there' 1 "$(confirm --plan=abba.plan -- no-such-program)"
is 'no command' 2 "$(confirm --plan=abba.plan)"
is 'no finding' 2 "$(confirm)"
is 'a finding without a command' 2 "$(confirm ec99d321a2 --)"
is 'a finding that is not there' 1 "$(confirm --trace=t.trace nonsense -- "$program" abba)"
like '... is not there' "*t.trace has no finding nonsense*" "$(cat err)"
is 'a finding of no trace' 1 "$(confirm nonsense -- true)"
is 'a plan and a trace' 2 "$(confirm --plan=abba.plan --trace=t.trace -- "$program" abba)"
is 'no runs' 2 "$(confirm --plan=abba.plan --runs=0 -- "$program" abba)"
is 'the plan is printed as it was read' '' \
	"$(confirm --plan=abba.plan --print-plan -- "$program" abba >code
	cmp out abba.plan 2>&1)"

echo "1..$count"
