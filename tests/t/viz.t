#!/bin/sh
# SPDX-License-Identifier: MIT
# The source of the HTML page: its unit tests, and that viz/page.html was built from it. The first
# need node alone, the second `npm ci` in viz/ (make viz).
root=$(cd "${0%/*}/../.." && pwd) || exit 1
command -v node >/dev/null || { echo '1..0 # SKIP there is no node'; exit 0; }
# shellcheck source=tests/lib/tap.sh
. "$root/tests/lib/tap.sh"

node --test --test-reporter=spec "$root"/viz/tests/*.test.js >out 2>&1 </dev/null
status=$?
is 'unit tests' 0 $status
[ $status = 0 ] || sed 's/^/#   /' out >&2
like 'there are some' '*pass [1-9]*' "$(grep 'pass ' out)"

if [ -d "$root/viz/node_modules/esbuild" ]; then
	node "$root/viz/build.mjs" "$tmp/page.html"
	is 'viz/page.html was built from viz/src' yes "$(cmp page.html "$root/viz/page.html" >&2 && echo yes)"
else
	count=$((count + 1))
	echo "ok $count # SKIP viz/node_modules is missing: make viz"
fi
echo "1..$count"
