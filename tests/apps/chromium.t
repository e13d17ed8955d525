#!/bin/sh
# SPDX-License-Identifier: MIT
# Chromium without a screen, in its own sandbox where the kernel has what that needs: renderers lose
# all rights while they run, and must neither notice us nor be killed for a call of ours. A page
# with workers, WebAssembly and WebCrypto ends up with the same document.
. "${0%/*}/lib.sh"
needs chromium

if [ "$(id -u)" = 0 ]; then
	needs setpriv
	as_user='setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --no-new-privs'
	chmod 755 "$tmp"
	chmod 777 traces
	mkdir profiles && chmod 777 profiles
else
	as_user=
	mkdir profiles
fi

cat >page.html <<'END'
<!DOCTYPE html><title>work</title><p id="result">not yet</p>
<script>
const source = 'onmessage = e => { let h = 7; for (let i = 0; i < e.data; i++) h = (h * 31 + i) | 0;' +
	' postMessage(h) }';
const worker = n => new Promise((done, fail) => {
	const w = new Worker(URL.createObjectURL(new Blob([source])));
	w.onmessage = e => done(e.data);
	w.onerror = fail;
	w.postMessage(n * 100000);
});
const square = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0,
	7, 5, 1, 1, 115, 0, 0, 10, 9, 1, 7, 0, 32, 0, 32, 0, 108, 11]);
const stream = async text => {
	const packed = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'));
	return (await new Response(packed.pipeThrough(new DecompressionStream('gzip'))).text()).length;
};
const image = async () => {
	const canvas = new OffscreenCanvas(64, 64), c = canvas.getContext('2d');
	c.fillStyle = '#abcdef';
	c.fillRect(8, 8, 40, 40);
	return c.getImageData(0, 0, 64, 64).data.reduce((a, b) => (a * 31 + b) | 0, 0);
};
let finished = false;
(async () => {
	const all = await Promise.all([1, 2, 3, 4].map(worker));
	const wasm = await WebAssembly.instantiate(square);
	all.push(wasm.instance.exports.s(12), await stream('lock '.repeat(50000)), await image());
	document.getElementById('result').textContent = all.join(' ');
})().catch(e => document.getElementById('result').textContent = e).finally(() => finished = true);
// Virtual time runs as fast as nothing happens; this lets real time pass until all is there.
const poll = setInterval(() => {
	for (let i = 0; i < 2000000 && !finished; i++);
	if (finished)
		clearInterval(poll);
}, 5);
</script>
END

browse()
{
	side=$1
	shift
	rm -rf profiles/one
	# shellcheck disable=SC2086 # options
	on "$side" $as_user env HOME="$tmp/profiles" chromium --headless --disable-gpu --disable-quic \
		--no-first-run --disable-background-networking --disable-component-update --disable-sync \
		--disable-extensions --user-data-dir="$tmp/profiles/one" $sandbox --virtual-time-budget=30000 \
		--dump-dom "$@" >"$side.out" 2>raw.err
	echo "$?" >"$side.status"
	# What it says of its own business depends on who is faster, natively too. What a crash, a sandbox's
	# no, or a library's trouble would say is the same: nothing. Numbers of processes aside.
	grep -iE 'fatal|signal|crash|sandbox|seccomp|lockprof|ld\.so|preload' raw.err |
		sed -e 's/^\[[^]]*\]//' -e 's/[0-9][0-9]*/N/g' | sort -u >"$side.err"
}

# Does its sandbox start here?
sandbox=
browse native about:blank
if [ "$(cat native.status)" != 0 ]; then
	echo '# its sandbox does not start here: --no-sandbox'
	sandbox=--no-sandbox
	browse native about:blank
	[ "$(cat native.status)" = 0 ] || skip_all 'chromium does not start here'
fi
rm -rf traces/*

for page in "file://$tmp/page.html" chrome://sandbox; do
	browse native "$page"
	for side in trace profile; do
		browse $side "$page"
		for part in status out err; do
			alike "${page##*/}" $part $side
		done
		traces "${page##*/}, $side mode" --traces=3 --threads=20 --acquisitions=1000
	done
	case $page in
	file*) cp native.out page.out ;;
	esac
done
is 'the page has worked' yes "$(grep -q '<p id="result">-*[0-9]* .* 144 250000 ' page.out && echo yes ||
	grep result\" page.out)"

echo "1..$count"
