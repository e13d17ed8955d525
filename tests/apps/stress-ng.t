#!/bin/sh
# SPDX-License-Identifier: MIT
# stress-ng's checks of itself (--verify), a bounded number of operations each: threads, mutexes,
# semaphores, futexes, forks, signals and odd system calls. It says how many operations it has done,
# and a mutex of it cannot be taken less often than that.
. "${0%/*}/lib.sh"
needs stress-ng python3

stress-ng --stressors | tr ' ' '\n' >known

# What is not there in this version, or refuses to run here, is left out.
run()
{
	on "$1" stress-ng --verify --oomable --temp-path "$tmp" --metrics-brief --timeout 4 "--$2" 2 \
		"--$2-ops" "$3" >raw 2>&1
	echo "$2 $?"
	grep -e '] .*fail:' -e 'error:' -e 'unsuccessful' raw | sed 's/\[[0-9]*\]//; s/[0-9][0-9]*/N/g' | sort -u
	sed -n "s/.*metrc: .* $2  *\([0-9][0-9]*\) .*/\1/p" raw >"$1.ops"
}

each="pthread:500 mutex:20000 sem:4000 sem-sysv:5000 futex:20000 fork:300 vfork:300
	clone:100 spawn:100 exec:50 exit-group:50 daemon:100 zombie:200 wait:500 session:100 kill:2000
	sigq:5000 sigsuspend:2000 sigfd:5000 sigtrap:2000 sigrt:5000 sigsegv:2000 sigpending:5000
	sigpipe:200 sigabrt:100 sigfpe:500 sigio:50 sigchld:500 signal:2000 signest:200 bad-altstack:100
	poll:200 eventfd:5000 timer:500 itimer:100 nanosleep:100 sleep:100 switch:5000 context:2000
	schedpolicy:20 resched:100 mq:5000 pipe:20000 aio:1000 malloc:5000 robust-list:1
	peterson:1000 dekker:1000 atomic:200 rseq:20 membarrier:50 tlb-shootdown:20 stack:1 stackmmap:4
	dup:100 close:2 mincore:100 pidfd:100 seccomp:50 personality:100 set:100 vdso:1000 longjmp:1000"
for one in $each; do
	name=${one%:*}
	grep -qx "$name" known || continue
	run native "$name" "${one#*:}" >native.out
	for side in trace; do
		run $side "$name" "${one#*:}" >$side.out
		alike "$name" out $side
		least=0
		case $name in
		mutex|sem) least=$(cat $side.ops) ;;
		esac
		traces "$name, $side mode" --traces=0 --acquisitions="$least"
	done
done

echo "1..$count"
