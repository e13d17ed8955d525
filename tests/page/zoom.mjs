// SPDX-License-Identifier: MIT
// The span of the timeline: by wheel, keys, strip and curve; and what the other views then count.
import { count, readAll, readTable, readText, settle } from './read.mjs';

/** The span that the address has, once it has one that is not `before`; null: the whole run. */
async function span(page, before) {
	const hash = await page.waitForFunction((old) => {
		const text = new URLSearchParams(location.hash.slice(1)).get('range') ?? '';
		return text === old ? null : { text };
	}, before ?? '').then((handle) => handle.jsonValue());
	const [begin, end] = hash.text.split('-').map(Number);
	return { text: hash.text, begin, end, width: end - begin };
}

/** Tables follow when the span rests. */
async function rested(page) {
	await page.waitForSelector('.span-note');
	await page.waitForFunction(() => {
		const note = document.querySelector('.span-note').innerText, was = window.lastNote;
		window.lastNote = note;
		return note === was;
	}, undefined, { polling: 250 });
}

async function keys(t, page) {
	await page.locator('.lanes').focus();
	await page.keyboard.press('+');
	const closer = await span(page);
	t.ok('+ zooms around the middle', Math.abs(closer.width - 30e6 / 1.25) < 2 && Math.abs(closer.begin - 3e6) < 2, JSON.stringify(closer));
	await page.keyboard.press('ArrowLeft');
	const left = await span(page, closer.text);
	t.ok('arrows move by a tenth', Math.abs(closer.begin - left.begin - closer.width / 10) < 2 && Math.abs(left.width - closer.width) < 2, JSON.stringify(left));
	for (let i = 0; i < 100; i++)
		await page.keyboard.press('+');
	const closest = await span(page, left.text);
	t.is('down to nanoseconds, and no further', closest.width, 20);
	await page.keyboard.press('Home');
	await span(page, closest.text);
	await page.keyboard.press('n');
	const longest = await span(page);
	t.is('n goes to the longest wait, with as much around it', [longest.begin, longest.end], [0, 9e6]);
	t.like('and says what it is', await readText(page, '.noted'), /^Wait 1 of the longest 2: bob waited for cache_mu 3\.00 ms in generated\+0x2000, at 2\.00 ms; alice held it before\.$/);
	await page.keyboard.press('n');
	const next = await span(page, longest.text);
	t.is('and then to the next', [next.begin, next.end], [10e6, 13e6]);
	await page.keyboard.press('p');
	t.is('p goes back', (await span(page, next.text)).text, longest.text);
}

async function wheel(t, page) {
	await page.keyboard.press('Home');
	await page.waitForFunction(() => !location.hash.includes('range'));
	await page.locator('#timeline').scrollIntoViewIfNeeded();
	const area = await page.locator('.lanes canvas').boundingBox();
	await page.mouse.click(area.x + area.width / 3, area.y + area.height - 3);
	await page.mouse.move(area.x + area.width / 3, area.y + 10);
	await page.mouse.wheel(0, -100);
	const closer = await span(page);
	t.ok('the wheel zooms around the pointer', Math.abs(closer.width - 24e6) < 2 && Math.abs((10e6 - closer.begin) / closer.width - 1 / 3) < 0.01, JSON.stringify(closer));
	await page.mouse.move(area.x + 200, area.y + 30);
	await page.mouse.down();
	await page.mouse.move(area.x + 200 - area.width / 24, area.y + 30, { steps: 4 });
	await page.mouse.up();
	const moved = await span(page, closer.text);
	t.ok('dragging moves', Math.abs(moved.begin - closer.begin - 1e6) < 5e4 && Math.abs(moved.width - closer.width) < 2, JSON.stringify(moved));
	return area;
}

async function brush(t, page, area) {
	const strip = await page.locator('.overview').boundingBox();
	const at = (ms) => strip.x + strip.width * ms / 30;
	const before = await span(page);
	await page.mouse.move(at(2.5), strip.y + 20);
	await page.mouse.down();
	await page.mouse.move(at(4.5), strip.y + 20, { steps: 5 });
	await page.mouse.up();
	const brushed = await span(page, before.text);
	t.ok('the strip chooses a span', Math.abs(brushed.begin - 2.5e6) < 4e4 && Math.abs(brushed.end - 4.5e6) < 4e4, JSON.stringify(brushed));
	await page.mouse.dblclick(at(20), strip.y + 20);
	await page.waitForFunction(() => !location.hash.includes('range'));
	t.is('a double click shows all', await count(page, '.span-note'), 0);
	const plot = await page.locator('#waiters .u-over').boundingBox();
	await page.locator('#waiters').scrollIntoViewIfNeeded();
	const over = await page.locator('#waiters .u-over').boundingBox();
	await page.mouse.move(over.x + over.width * 0.4, over.y + 30);
	await page.mouse.down();
	await page.mouse.move(over.x + over.width * 0.6, over.y + 30, { steps: 5 });
	await page.mouse.up();
	const chosen = await span(page);
	t.ok('so does the curve of waiters', Math.abs(chosen.begin - 12e6) < 3e5 && Math.abs(chosen.end - 18e6) < 3e5, JSON.stringify([chosen, plot, area]));
}

/** From 2.5 to 4.5 ms alice holds, and bob waits for her; nothing ends. */
async function numbers(t, files, browser) {
	const page = await browser.open(files.page('known'), { fragment: 'range=2500000-4500000' });
	await rested(page);
	t.like('the page says which part it shows', await readText(page, '.span-note'), /^Shown: 2\.00 ms from 2\.50 ms on\./);
	const rows = await readTable(page, '#locks'), cache = rows.find((row) => row.lock === 'cache_mu');
	t.is('locks: cut to the span', [cache.wait, cache.hold, cache.share], ['2.00 ms', '2.00 ms', '25.0 %']);
	t.is('who waited for what: cut, too', await readTable(page, '#heat'), [{ '': 'bob', cache_mu: '2.00 ms', all: '2.00 ms' }]);
	t.is('who blocked whom: cut, too', await readTable(page, '#blocking'), [{ '': 'bob', alice: '2.00 ms', all: '2.00 ms' }]);
	t.is('the flame graph: cut, too', await page.locator('.box').first().getAttribute('title').then((s) => s.replaceAll('\u00a0', ' ')), 'all waiting: 2.00 ms, 100 %');
	t.like('threads: cut, too', (await readAll(page, '#run table')).join('\n'), /bob\s+4244\s+2\.00 ms\s+2\.00 ms\s+100 %/);
	await page.locator('.span-note button').click();
	await page.waitForFunction(() => !document.querySelector('.span-note'));
	t.is('and all of it again', (await readTable(page, '#heat'))[0].all, '4.00 ms');
	await page.goto(page.url().replace(/#.*/, '') + '#range=1500000-5500000');
	await rested(page);
	const wider = (await readTable(page, '#locks')).find((row) => row.lock === 'cache_mu');
	t.is('what ends in the span counts', [wider.wait, wider.acquired, wider.contended, wider.max], ['3.00 ms', '1', '100 %', '3.00 ms']);
	t.clean('spans', page);
	await page.close();
}

export async function run(t, files, browser) {
	const page = await browser.open(files.page('known'));
	await keys(t, page);
	const area = await wheel(t, page);
	await brush(t, page, area);
	await settle(page);
	t.clean('zooming', page);
	await page.close();
	await numbers(t, files, browser);
}
