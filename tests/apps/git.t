#!/bin/sh
# SPDX-License-Identifier: MIT
# git's threads (delta search in repack, index-pack, grep, checkout): the same objects and output.
. "${0%/*}/lib.sh"
needs git

# The same history on every side: nothing of the user's, and a clock that stands.
export HOME="$tmp" GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat
export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
git config --global user.name Somebody
git config --global user.email somebody@example.org
git config --global init.defaultBranch main
git config --global gc.auto 0
git config --global pack.threads 4
git config --global index.threads 4
git config --global grep.threads 4
git config --global checkout.workers 4
git config --global checkout.thresholdForParallelism 10
mkdir origin
cd origin || exit 1
git init -q
for version in 1 2 3; do
	for d in $(seq 40); do
		mkdir -p "d$d"
		for f in 1 2 3 4 5; do
			seq $((d * f)) "$version" $((d * f + 900)) >"d$d/f$f"
		done
	done
	git add .
	git commit -q -m "version $version"
done
cd ..

# work COMMAND: in a fresh copy, then everything that this has left
cat >work <<'END'
rm -rf copy && cp -r origin copy && cd copy && "$@"
status=$?
git fsck --full && git rev-parse HEAD && git status --short && git count-objects -v |
	grep -e count -e in-pack -e garbage
git cat-file --batch-all-objects --batch-check | cksum
exit $status
END

may='--threads=2'
same 'repack' sh work git repack -a -d -f -q --window=20
same 'gc' sh work git gc -q --aggressive --prune=now
same 'grep' sh work git grep -n '99[0-9]$' HEAD
git -C origin repack -a -d -q
cp origin/.git/objects/pack/*.pack all.pack
same 'index-pack' sh work sh -c 'git index-pack --threads=4 --stdin --strict <../all.pack'
pack=$(echo "$tmp"/origin/.git/objects/pack/*.pack)
same 'verify-pack' git verify-pack -v "$pack"
same 'index-pack of a file' git index-pack --threads=4 -o "$tmp/an.idx" "$pack"
same 'status and diff' sh work sh -c 'echo more >>d3/f3; git status --short; git diff; git stash -q'
same 'clone' sh work sh -c 'git clone -q . ../clone.d; git -C ../clone.d log --stat; rm -rf ../clone.d'

echo "1..$count"
