#!/bin/sh
# SPDX-License-Identifier: MIT
# ripgrep and fd, Rust programs whose locks are futexes: the same lines are found.
. "${0%/*}/lib.sh"
needs rg fdfind

for d in $(seq 60); do
	mkdir -p "tree/$d"
	seq "$d" 17 40000 >"tree/$d/numbers"
	echo "needle $d" >"tree/$d/hay"
done
filter=sort
may='--traces=0 --acquisitions=0'
same 'rg counts' rg --threads=4 -c '7{2}' tree
same 'rg finds' rg --threads=4 -n 'needle [1-4]' tree
same 'rg finds nothing' rg --threads=4 nothing-at-all tree
same 'rg complains' rg --threads=4 needle no-such-folder
same 'fd finds' fdfind --threads=4 hay tree
same 'fd runs' fdfind --threads=4 numbers tree -x cksum

echo "1..$count"
