#!/bin/sh
# SPDX-License-Identifier: MIT
# The page of `lockprof html` in a real browser; needs node, Chromium and `npm ci` in viz/.
cd "${0%/*}/../.." || exit 1
: "${BUILD:?run by tests/run}"

skip()
{
	echo "1..0 # SKIP $1"
	exit 0
}

command -v node >/dev/null || skip 'there is no node'
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || skip 'playwright-core needs node 20'
[ -x "${CHROMIUM:=/usr/bin/chromium}" ] || skip "there is no $CHROMIUM"
[ -d viz/node_modules/playwright-core ] || skip 'viz/node_modules is missing: make viz'
export CHROMIUM
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
timeout 300 node tests/page/run.mjs "$BUILD" "$tmp"
