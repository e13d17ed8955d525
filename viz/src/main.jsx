// SPDX-License-Identifier: MIT
// Unpacks the recording, then draws. What goes wrong before that is said on the page.
import { options, render } from 'preact';
import { App } from './app.jsx';
import { loadPage } from './data/load.js';
import { followFragment, page } from './state.js';

/* However many events there are in a frame, what they change is drawn once. */
options.debounceRendering = requestAnimationFrame;

async function main() {
	const root = document.getElementById('app');
	try {
		page.value = await loadPage(document);
	} catch (error) {
		root.textContent = `This page cannot be shown: ${error.message}`;
		return;
	}
	document.title = `${page.value.title} - lockprof`;
	followFragment(window);
	root.textContent = '';
	render(<App />, root);
	requestAnimationFrame(() => setTimeout(() => { /* behind the first picture */
		performance.mark('lockprof-ready');
		root.dataset.ready = 'true';
	}));
}

main();
