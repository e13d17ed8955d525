// SPDX-License-Identifier: MIT
// How fast a page is, in a browser: one line "what|value" for each figure.
//
//	node tests/page/measure.mjs PAGE
//
// ready: from the navigation to the first picture of everything. draw: the timeline's own part of a redraw.
// frame: all of it, in frames that a zoom by keys, by wheel or a move asked for; a screen shows one each
// 16.7 ms at best. span: counting the tables of a span anew.
import { Browser } from './browser.mjs';

const browser = await Browser.start();

function quantile(numbers, p) {
	return [...numbers].sort((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(p * numbers.length))];
}

try {
	const page = await browser.open(process.argv[2]);
	const print = (what, value, digits = 0) => console.log(`${what}|${value.toFixed(digits)}`);
	print('ready ms', await page.evaluate(() => performance.getEntriesByName('lockprof-ready')[0].startTime));
	const { draws, frames } = await page.evaluate(async () => {
		const box = document.querySelector('.lanes'), result = { draws: [], frames: [] };
		const frame = () => new Promise((resolve) => { requestAnimationFrame(resolve); });
		box.focus();
		const keys = [...'+++++++++++++++++', ...new Array(10).fill('ArrowRight'), ...'--------', ...new Array(10).fill('ArrowLeft')];
		for (const key of keys) {
			await frame();
			box.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
			const begin = await frame(), start = performance.now(); /* it is drawn in this one */
			await new Promise((resolve) => { setTimeout(resolve); });
			result.frames.push(performance.now() - Math.min(begin, start));
			result.draws.push(performance.getEntriesByName('lockprof-draw')[0].duration);
		}
		return result;
	});
	print('draw p50 ms', quantile(draws, 0.5), 1);
	print('draw max ms', Math.max(...draws), 1);
	print('frame p50 ms', quantile(frames, 0.5), 1);
	print('frame max ms', Math.max(...frames), 1);
	const end = await page.evaluate(async () => {
		await new Promise((resolve) => { setTimeout(resolve, 600); });
		return Number(new URLSearchParams(location.hash.slice(1)).get('range').split('-')[1]);
	});
	const spans = [];
	for (const part of [0.9, 0.5, 0.2]) {
		await page.evaluate((range) => { location.hash = `range=0-${range}`; performance.clearMeasures('lockprof-span'); }, Math.round(end * part));
		await page.waitForFunction(() => performance.getEntriesByName('lockprof-span').length > 0);
		spans.push(await page.evaluate(() => performance.getEntriesByName('lockprof-span')[0].duration));
	}
	print('span max ms', Math.max(...spans));
	if (page.faults.length)
		throw new Error(page.faults.join('; '));
} finally {
	await browser.stop();
}
