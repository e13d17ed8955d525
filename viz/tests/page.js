// SPDX-License-Identifier: MIT
// For tests: the data of a page that `lockprof html` wrote, without a browser.
import { readFileSync } from 'node:fs';
import { loadPage } from '../src/data/load.js';

/** Enough of a document for data/load.js. */
export function documentOf(html) {
	const elements = new Map();
	for (const [, id, textContent] of html.matchAll(/<script type="[^"]+" id="([^"]+)">([^<]*)<\/script>/g))
		elements.set(id, { textContent });
	return { getElementById: (id) => elements.get(id) ?? null };
}

export function readPage(path) {
	return loadPage(documentOf(readFileSync(path, 'utf8')));
}
