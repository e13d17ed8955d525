#!/bin/sh
# SPDX-License-Identifier: MIT
# xz and zstd with two worker threads: the same bytes, which the other side can read.
. "${0%/*}/lib.sh"
needs xz zstd

seq 1 1200000 >plain
may=--threads=3
same 'xz packs' xz -T2 -1 --block-size=1MiB -c plain
cp native.out plain.xz
may=
same 'xz unpacks' xz -T2 -dc plain.xz
is 'what was packed' yes "$(cmp -s plain profile.out && echo yes)"
head -c 100000 plain.xz >cut.xz
same 'xz finds a cut file' xz -T2 -dc cut.xz

may=--threads=3
same 'zstd packs' zstd -q -T2 -6 -c plain
cp native.out plain.zst
may=--traces=0
same 'zstd unpacks' zstd -q -dc plain.zst
is 'what was packed' yes "$(cmp -s plain profile.out && echo yes)"
head -c 100000 plain.zst >cut.zst
same 'zstd finds a cut file' zstd -q -dc cut.zst

echo "1..$count"
