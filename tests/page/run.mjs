// SPDX-License-Identifier: MIT
// The HTML page in a real browser, as TAP: tests/t/page.t runs it.
//
//	node tests/page/run.mjs BUILD FOLDER
//
// Traces come from build/tests/page_traces, which knows what is in them, and from samples; what tables say is
// compared with `lockprof report --json` of the same trace.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Browser } from './browser.mjs';

const [build, folder] = process.argv.slice(2);

class Tests {
	constructor() {
		this.count = this.failed = 0;
	}

	ok(name, good, detail = '') {
		this.count++;
		this.failed += good ? 0 : 1;
		console.log(`${good ? 'ok' : 'not ok'} ${this.count} - ${name}`);
		if (!good)
			console.error(`# ${name}\n#   ${String(detail).slice(0, 2000).replaceAll('\n', '\n#   ')}`);
	}

	is(name, got, wanted) {
		this.ok(name, isDeepStrictEqual(got, wanted), `wanted ${JSON.stringify(wanted)}\ngot    ${JSON.stringify(got)}`);
	}

	like(name, text, pattern) {
		this.ok(name, pattern.test(text ?? ''), `${pattern}\n${text}`);
	}

	/** Nothing but the file itself was asked for, nothing went wrong. */
	clean(name, page) {
		this.is(`${name}: no error, no message, no request`, page.faults, []);
	}
}

/** Traces and pages of them, made when they are first asked for. */
export class Files {
	constructor() {
		this.made = new Map();
		this.build = build;
		this.folder = folder;
	}

	tool(...arguments_) {
		return execFileSync(path.join(build, 'lockprof'), arguments_, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 28, timeout: 60000 });
	}

	trace(name) {
		if (!this.made.has(name))
			execFileSync(path.join(build, 'tests', 'page_traces'), [name, `${name}.trace`], { cwd: folder, timeout: 60000 });
		this.made.set(name, `${name}.trace`);
		return this.made.get(name);
	}

	/** Records a program; its status is of no interest. */
	record(name, program, ...options) {
		try {
			this.tool('record', '--quiet', '-o', `${name}.trace`, ...options, '--', path.join(build, program));
		} catch (error) {
			if (error.status === null)
				throw error;
		}
		this.made.set(name, `${name}.trace`);
		return `${name}.trace`;
	}

	/** Names of the folder's files that fit, in order. */
	list(pattern) {
		return readdirSync(folder).filter((name) => pattern.test(name)).sort();
	}

	page(name, ...options) {
		const output = `${name}${options.join('').replace(/\W/g, '')}.html`;
		this.tool('html', '-o', output, ...options, this.trace(name));
		return path.join(folder, output);
	}

	report(name) {
		return JSON.parse(this.tool('report', '--json', this.trace(name)));
	}
}

const parts = (process.env.PARTS ?? 'views zoom links hostile kinds phases access').split(' ');
const tests = new Tests(), files = new Files(), browser = await Browser.start();
try {
	for (const part of parts) {
		const { run } = await import(`./${part}.mjs`);
		await run(tests, files, browser);
	}
} finally {
	await browser.stop();
}
console.log(`1..${tests.count}`);
process.exitCode = tests.failed ? 1 : 0;
