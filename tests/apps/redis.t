#!/bin/sh
# SPDX-License-Identifier: MIT
# Redis with two I/O threads and its background threads: the same keys and values after a benchmark
# and a script, through BGSAVE's forked child, AOF rewrite and a restart from what was saved.
. "${0%/*}/lib.sh"
needs redis-server redis-cli redis-benchmark

cli()
{
	timeout "$limit_s" redis-cli -s "$tmp/socket" "$@"
}

saved()
{
	cli info persistence >persistence
	grep -q 'rdb_bgsave_in_progress:0' persistence && grep -q 'aof_rewrite_in_progress:0' persistence
}

begin()
{
	serve "$1" redis-server --port 0 --unixsocket "$tmp/socket" --dir "$tmp" --save '' \
		--io-threads 2 --io-threads-do-reads yes --appendonly yes --lazyfree-lazy-user-del yes \
		--appendfsync everysec --enable-debug-command local
	until_true cli ping
}

# All that comes of it in words
session()
{
	begin "$1"
	# A benchmark writes values that are known, then a script many kinds of them.
	timeout "$limit_s" redis-benchmark -q -s "$tmp/socket" -c 20 -P 8 -n 10000 -t set,incr,lpush,hset \
		--threads 2 >benchmark.log 2>&1 || echo "benchmark: $?"
	cli eval 'for i = 1, 20000 do redis.call("set", "k" .. i, i); redis.call("sadd", "s" .. i % 7, i);
		redis.call("zadd", "z" .. i % 5, i, "m" .. i) end return redis.call("dbsize")' 0
	cli del s1 z1 mylist
	cli get counter:__rand_int__
	cli debug digest >digest
	cat digest
	cli bgsave
	until_true saved
	cli bgrewriteaof
	until_true saved
	grep -e rdb_last_bgsave_status -e aof_last_bgrewrite_status persistence
	timeout "$limit_s" redis-check-rdb dump.rdb | grep -e 'looks OK' -e 'keys read'
	stop TERM
	echo "exit status $status"
	begin "$1"
	cli debug digest | cmp - digest && echo 'the same after a restart'
	cli shutdown nosave
	wait "$guard"
	echo "exit status $?"
	guard=
	rm -rf dump.rdb appendonlydir
}

quiet()
{
	grep -v -e 'Background' -e ' MB ' -e 'RDB' "$1" | sed -n 's/^[0-9]*:[MCS] [^*#]*[*#] //p' |
		sed 's/[0-9][0-9.]*/N/g' | sort -u
}

# Lost by design: jemalloc takes more locks before a fork than a thread has places for, and it creates
# its own threads past everybody's pthread_create, so that their stacks have no known bounds.
for side in native trace profile; do
	session $side >"$side.out" 2>"$side.err"
	quiet $side.log >"$side.said"
	[ $side = native ] && continue
	for part in out err said; do
		alike redis $part $side
	done
	traces "redis, $side mode" --traces=2 --threads=10 --acquisitions=1000 \
		--lose=depth,stacks
done
is 'saved, ended and began again' 4 "$(grep -c -e ^'exit status 0' -e 'same after' \
	-e 'looks OK' native.out)"

echo "1..$count"
