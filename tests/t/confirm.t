#!/bin/sh
# SPDX-License-Identifier: MIT
# lockprof confirm: a deadlock that can happen is made to happen, one that cannot is not, and
# either way it comes to an end and says what it saw.
. "${0%/*}/../lib/tap.sh"
program=$BUILD/tests/may_deadlock

# A recording of KIND as text in ./dump, behind the program's variables.
record()
{
	rm -f t.trace
	LD_PRELOAD=$BUILD/liblockprof.so LOCKPROF_OPTIONS=output=$tmp/t.trace "$program" "$1" \
		>/dev/null
	{
		nm "$program" | awk '$2 ~ /[bBdD]/ { print "variable", $1, $3 }' | sort
		"$BUILD/lockprof" dump t.trace | grep ' join '
		"$BUILD/lockprof" dump -r t.trace
	} >dump
}

# plan KIND HELD:WANTED...: a member each, where a recording of KIND asks for the one lock under
# the other; by the names of variables. "nothing:X" and "thread:X": where X was first asked for (not
# to read); "X:thread": the last place of X, and the join.
plan()
{
	record "$1"
	shift
	awk -v pairs="$*" '
		function name(address,    i, best) {
			for (i = 1; i <= variables; i++)
				if (at[i] <= address)
					best = names[i]
			return best
		}
		/^variable/ { at[++variables] = $2; names[variables] = $3 }
		$4 == "join" { join_stack = $NF }
		/^stack/ && $2 == join_stack { join = $4 }
		/^module/ {
			id = match($0, / build-id [0-9a-f]+/) ? substr($0, RSTART + 10, RLENGTH - 10) : "-"
			sub(/.* path "/, ""); sub(/"$/, "")
			modules = modules "module " ++nr " " id " " $0 "\n"
		}
		/^lock/ && match($0, /data 1\+0x[0-9a-f]+/) {
			address = substr($0, RSTART + 9, RLENGTH - 9)
			while (length(address) < 16) address = "0" address
			of[$2] = name(address)
		}
		/^node/ {
			parent[$2] = $4; site[$2] = $NF; lock[$2] = of[$6]
			last[of[$6]] = $NF
			if (!(of[$6] in first) && !/ shared /)
				first[of[$6]] = $NF
			for (p = $4; p; p = parent[p])
				if (!((lock[p] ":" lock[$2]) in member))
					member[lock[p] ":" lock[$2]] = "held " site[p] " wanted " $NF
		}
		END {
			printf "lockprof-plan 1\n%s", modules
			n = split(pairs, pair, " ")
			for (i = 1; i <= n; i++) {
				split(pair[i], side, ":")
				if (side[1] == "nothing" || side[1] == "thread")
					print "member held", side[1], "wanted", first[side[2]]
				else if (side[2] == "thread")
					print "member held", last[side[1]], "wanted", join
				else
					print "member", member[pair[i]]
			}
		}' dump >plan
}

# confirm ARGUMENT...: its exit status; the output goes to ./out and ./err
confirm()
{
	timeout 60 "$BUILD/lockprof" confirm "$@" >out 2>err </dev/null
	echo $?
}

# happens KIND RUNS WORDS: it is confirmed, in one of so many runs, and says where
happens()
{
	is "$1 is confirmed" 3 "$(confirm --plan=plan --runs="$2" --delay=500 -- "$program" "$1")"
	like "... in words, $1" "*CONFIRMED in run [1-$2] of $2:*$3*" "$(tr -s ' \n' ' ' <out)"
}

# A long delay costs no time where it is not needed: all go on when the last one has come.
plan abba a:b b:a
cp plan abba.plan
happens abba 1 'holds a, taken in a_then_b (*) waits for b in a_then_b (*)'
happens child 1 'holds b, taken in b_then_a'
happens exec 1 'holds b, taken in b_then_a'
plan wrapped a:b b:a
happens wrapped 1 'wrapped_b_then_a'
plan philosophers forks:forks forks:forks forks:forks
happens philosophers 1 'holds forks\[0\]'
plan rwlocks table:index_lock index_lock:table
happens rwlocks 1 'holds index_lock, taken in read_index'
plan timed a:b b:a
happens timed 1 'waits for a, up to a deadline, in b_then_timed_a'

plan rereads fair:fair nothing:fair
happens rereads 1 'waits for fair in read_twice'
plan monitor a:ready nothing:a
happens monitor 1 'waits for a in say_ready (*)*waits for ready in wait_ready (*)'
plan joins a:thread thread:a
happens joins 1 'to end in joins'

# A delay in front of the request keeps the partner away; right behind the first lock it does not.
plan between a:b b:a
happens between 2 'c_and_b_then_a'
# Nor does that, when it has to have its turn with the first lock before: who asks first comes last.
plan before a:b b:a
happens before 4 'a_and_b_then_a'


# What cannot happen does not, and what was reached is told.
plan gated a:b b:a
is 'what a gate keeps apart is not confirmed' 0 \
	"$(confirm --plan=plan --runs=4 --delay=5 -- "$program" gated)"
like '... and it is said how far it came' \
	'done done done done not reproduced in 4 runs.*1. gated_a_then_b (*), holding the lock of gated_a_then_b (*) reached 4 x, with the lock 4 x, delayed * x (*), met 0 x*2. gated_b_then_a*' \
	"$(tr -s ' \n' ' ' <out)"
plan between a:b b:a
is 'delays in front of the request alone' 0 \
	"$(confirm --plan=plan --runs=1 --delay=50 -- "$program" between)"
like '... keep the other thread away' '*waited in vain for the others*' "$(cat out)"
cp abba.plan plan
is 'places that the program never comes to' 0 \
	"$(confirm --plan=plan --runs=1 -- "$program" rwlocks)"
like '... are called so' '*reached 0 x*never reached*' "$(tr '\n' ' ' <out)"

# Delays are bounded, for a thread that comes often, too.
plan often a:b b:a
is 'a place that is reached often' 0 \
	"$(confirm --plan=plan --runs=1 --delay=5 -- "$program" often)"
is '... is not delayed each time' yes "$(awk '/reached 2,000 x/ { sub(/.*delayed /, "")
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
	"$BUILD/lockprof" dump -r t.trace | grep -E '^(node|stack)'
}
nodes "$BUILD/liblockprof.so" >alone
like 'there are places to compare' '*node*site 1+0x*stack*' "$(tr '\n' ' ' <alone)"
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
plan abba a:b a:b
is 'another deadlock' 3 "$(confirm --plan=plan --runs=1 --delay=1 -- "$program" hangs)"
like '... is told, and called so' '*ANOTHER deadlock in run 1 of 1*holds a, taken in*' "$(cat out)"

# What cannot work is said.
sed 's/^module 1 [0-9a-f]*/module 1 00112233/' abba.plan >plan
is 'another build of the program' 1 "$(confirm --plan=plan -- "$program" abba)"
like '... is told from the recorded one' "*$program is not the file that was recorded*" "$(cat err)"
printf 'lockprof-plan 1\nmodule 1 - %s\nmember held 1+0x1\n' "$program" >plan
is 'a bad plan' 1 "$(confirm --plan=plan -- "$program" abba)"
like '... and where it is bad' "*plan: line 3: *wanted*" "$(cat err)"
is 'a plan that is not there' 1 "$(confirm --plan=none -- "$program" abba)"
is 'a command that is not there' 1 "$(confirm --plan=abba.plan -- no-such-program)"
is 'no command' 2 "$(confirm --plan=abba.plan)"
is 'no runs' 2 "$(confirm --plan=abba.plan --runs=0 -- "$program" abba)"
is 'the plan is printed as it was read' '' \
	"$(confirm --plan=abba.plan --print-plan -- "$program" abba >code
	cmp out abba.plan 2>&1)"

echo "1..$count"
