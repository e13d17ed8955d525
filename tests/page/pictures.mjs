// SPDX-License-Identifier: MIT
// The pictures of README.md and docs/page.md:
//
//	node tests/page/pictures.mjs PAGE OUTPUT.png [HEIGHT] [FRAGMENT] [dark]
import { Browser } from './browser.mjs';

const [file, output, height = 860, fragment = '', scheme] = process.argv.slice(2), browser = await Browser.start();
try {
	const page = await browser.open(file, { fragment, width: 1200, height: Number(height), dark: scheme === 'dark' });
	await page.waitForFunction(() => !location.hash.includes('range') || document.querySelector('.span-note'));
	await page.screenshot({ path: output });
} finally {
	await browser.stop();
}
