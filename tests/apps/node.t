#!/bin/sh
# SPDX-License-Identifier: MIT
# Node: worker threads, the thread pool behind zlib, crypto and files, Atomics, child processes.
. "${0%/*}/lib.sh"
needs node

cat >work.js <<'END'
const { Worker, isMainThread, workerData, parentPort } = require('worker_threads');
const crypto = require('crypto'), fs = require('fs'), zlib = require('zlib');
const { execFileSync } = require('child_process');
const { promisify } = require('util');

if (!isMainThread) {
	const shared = new Int32Array(workerData.buffer);
	let hash = workerData.seed;
	for (let i = 0; i < 20000; i++) {
		hash = (hash * 31 + i) | 0;
		while (Atomics.compareExchange(shared, 0, 0, 1))
			Atomics.wait(shared, 0, 1, 50);
		shared[1]++;
		Atomics.store(shared, 0, 0);
		Atomics.notify(shared, 0, 1);
	}
	parentPort.postMessage(hash);
} else {
	main();
}

async function main() {
	const buffer = new SharedArrayBuffer(8);
	const results = await Promise.all([1, 2, 3, 4].map((seed) => new Promise((done, fail) => {
		const worker = new Worker(__filename, { workerData: { buffer, seed } });
		worker.on('message', done);
		worker.on('error', fail);
	})));
	console.log('workers', results, new Int32Array(buffer)[1]);

	const text = Buffer.from(Array.from({ length: 100000 }, (_, i) => `line ${i}\n`).join(''));
	const packed = await Promise.all(Array.from({ length: 8 }, (_, i) =>
		promisify(zlib.gzip)(text, { level: 1 + i })));
	for (const one of packed)
		console.log('gzip', one.length, (await promisify(zlib.gunzip)(one)).equals(text));
	const keys = await Promise.all(Array.from({ length: 8 }, (_, i) =>
		promisify(crypto.pbkdf2)('secret', `salt ${i}`, 5000, 32, 'sha256')));
	console.log('keys', keys.map((key) => key.toString('hex')));
	await Promise.all(packed.map((one, i) => fs.promises.writeFile(`file.${i}`, one)));
	const read = await Promise.all(packed.map((_, i) => fs.promises.readFile(`file.${i}`)));
	console.log('files', read.every((one, i) => one.equals(packed[i])));
	console.log('child', execFileSync(process.execPath, ['-p', '6 * 7']).toString().trim());
	process.on('exit', () => console.error('leaving'));
	process.on('SIGUSR2', () => process.exit(23));
	process.kill(process.pid, 'SIGUSR2');
}
END
# One of its threads has a tiny stack, of which none is taken.
may='--threads=6 --acquisitions=1000 --lose=stacks'
same 'workers, pool and a signal' node work.js
is 'what they counted' yes "$(grep -q '80000$' native.out && echo yes)"
filter='sed s/^[0-9]*:[^:]*:/N:/;s/0x[0-9a-f]*/ADDRESS/g'
same 'an exception that nobody catches' node -e 'setTimeout(() => { throw new Error("no") }, 1)'

echo "1..$count"
