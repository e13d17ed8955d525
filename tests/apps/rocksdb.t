#!/bin/sh
# SPDX-License-Identifier: MIT
# RocksDB's tools with background compactions: after the same writes by several threads the same keys
# and values, which ldb reads and checks, natively and recorded.
. "${0%/*}/lib.sh"
needs db_bench ldb

# fill SIDE: one thread that writes with a fixed seed, then readers and compactions beside each other
fill()
{
	on "$1" db_bench --db="$tmp/db" --benchmarks=fillrandom,overwrite,compact,verifychecksum \
		--num=30000 --seed=7 --threads=1 --value_size=100 --write_buffer_size=262144 \
		--target_file_size_base=262144 --max_background_jobs=4 --subcompactions=2 \
		--compression_type=none --histogram=0 >bench.log 2>&1
	echo "filled: $?"
	on "$1" db_bench --db="$tmp/db" --use_existing_db=1 --num=30000 --seed=7 --threads=6 --reads=10000 \
		--benchmarks=readrandom,seekrandom,multireadrandom --cache_size=1048576 \
		--compression_type=none >read.log 2>&1
	echo "read: $?"
	# How many keys were found depends on the seed only.
	grep -o '([0-9]* of [0-9]* found' read.log
	grep -i -e corrupt -e 'error' bench.log read.log
	on "$1" ldb --db="$tmp/db" checkconsistency 2>&1
	on "$1" ldb --db="$tmp/db" scan --hex 2>&1 | cksum
	on "$1" ldb --db="$tmp/db" put a-key a-value 2>&1
	on "$1" ldb --db="$tmp/db" get a-key 2>&1
	on "$1" ldb --db="$tmp/db" compact 2>&1
	on "$1" ldb --db="$tmp/db" scan --hex 2>&1 | cksum
	rm -rf db
}

for side in native trace profile; do
	fill $side >$side.out
	[ $side = native ] && continue
	alike 'db_bench and ldb' out $side
	traces "db_bench and ldb, $side mode" --traces=8 --threads=15 --acquisitions=50000
done
is 'both ran' 'filled: 0 read: 0 OK' "$(grep -e '^filled' -e '^read' -e '^OK' native.out | head -n 3 |
	tr '\n' ' ' | sed 's/ $//')"

echo "1..$count"
