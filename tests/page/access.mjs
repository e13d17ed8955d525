// SPDX-License-Identifier: MIT
// Without a mouse, without colour vision, on a small and on a huge screen, in the dark and on paper.
import { count, readText, settle } from './read.mjs';

/** What Tab comes to, one after the other. */
async function tabThrough(page, most) {
	const stops = [];
	for (let i = 0; i < most; i++) {
		await page.keyboard.press('Tab');
		const stop = await page.evaluate(() => {
			const e = document.activeElement, section = e.closest('section, .bar, .summary, header');
			return e === document.body ? null : `${section?.id || section?.className || 'page'}: ${e.ariaLabel ?? e.innerText ?? e.placeholder ?? ''}`.slice(0, 60);
		});
		if (stop === null)
			break;
		stops.push(stop);
	}
	return stops;
}

async function keyboard(t, files, browser) {
	const page = await browser.open(files.page('known'));
	const stops = await tabThrough(page, 120);
	const order = [...new Set(stops.map((stop) => stop.split(':')[0]))];
	t.is('Tab goes through the views from top to bottom', order, ['bar', 'summary', 'locks', 'timeline', 'flame', 'heat', 'blocking', 'waiters', 'order', 'apart', 'run']);
	t.is('a flame graph is one stop', stops.filter((stop) => stop.startsWith('flame: all waiting') || stop.startsWith('flame: cache')).length, 1);
	await page.locator('.box').first().focus();
	await page.keyboard.press('ArrowDown');
	t.like('arrows go through it', await page.evaluate(() => document.activeElement.ariaLabel), /^cache_mu: /);
	await page.keyboard.press('ArrowUp');
	t.like('and back', await page.evaluate(() => document.activeElement.ariaLabel), /^all waiting: /);
	await page.locator('#locks .handle').first().focus();
	await page.keyboard.press('Enter');
	t.is('Enter opens a lock', [await count(page, '#locks tr.detail'), await page.locator('#locks .handle').first().getAttribute('aria-expanded')], [1, 'true']);
	t.is('every control has a name', await page.evaluate(() => [...document.querySelectorAll('button, a, input, select, [tabindex], svg[role], canvas[role]')]
		.filter((e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.length || e.closest('[aria-label]') || e.title)).map((e) => e.outerHTML.slice(0, 100))), []);
	t.is('every id is there once', await page.evaluate(() => {
		const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
		return ids.filter((id, i) => ids.indexOf(id) !== i);
	}), []);
	t.clean('the keyboard', page);
	await page.close();
}

/** Texts whose contrast to what is behind them is less than WCAG's AA asks for. */
function findPale(page) {
	return page.evaluate(() => {
		const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
		const over = (colours) => { /* painted one over the other, as the screen would */
			context.clearRect(0, 0, 1, 1);
			for (const colour of colours) {
				context.fillStyle = colour;
				context.fillRect(0, 0, 1, 1);
			}
			return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
		};
		const light = (rgb) => {
			const [r, g, b] = rgb.map((n) => (n / 255 <= 0.03928 ? n / 255 / 12.92 : ((n / 255 + 0.055) / 1.055) ** 2.4));
			return 0.2126 * r + 0.7152 * g + 0.0722 * b;
		};
		const pale = [];
		for (const e of document.querySelectorAll('body *')) {
			const hasText = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
			if (!hasText || e.closest('svg, script, .hidden, noscript') || e.getClientRects().length === 0)
				continue;
			const chain = [];
			for (let a = e; a; a = a.parentElement)
				chain.unshift(getComputedStyle(a).backgroundColor);
			const back = over(['#fff', ...chain]), front = over(['#fff', ...chain, getComputedStyle(e).color]);
			const [high, low] = [light(back), light(front)].sort((a, b) => b - a), ratio = (high + 0.05) / (low + 0.05);
			if (ratio < 4.5)
				pale.push(`${ratio.toFixed(2)} ${e.tagName}.${e.className}: ${e.textContent.slice(0, 30)}`);
		}
		return [...new Set(pale)];
	});
}

async function contrast(t, files, browser) {
	files.trace('known');
	files.trace('phases');
	for (const dark of [false, true]) {
		const page = await browser.open(files.page('after', '--base=known.trace'), { dark });
		const told = await browser.open(files.page('phases', '--base=phases.trace'), { dark, fragment: 'phase=2&range=18000000-24000000' });
		await page.locator('#locks .handle').first().click();
		await settle(page);
		t.is(`contrast of phases in the ${dark ? 'dark' : 'light'}`, await findPale(told), []);
		await told.close();
		t.is(`contrast in the ${dark ? 'dark' : 'light'}`, await findPale(page), []);
		t.is(`${dark ? 'dark' : 'light'}: the paper`, await page.evaluate(() => getComputedStyle(document.body).backgroundColor), dark ? 'rgb(21, 23, 26)' : 'rgb(255, 255, 255)');
		t.clean(dark ? 'the dark' : 'the light', page);
		await page.close();
	}
}

async function sizes(t, files, browser) {
	for (const [name, width] of [['crowd', 375], ['crowd', 1300], ['crowd', 3840], ['phases', 375], ['phases', 1300]]) {
		const page = await browser.open(files.page(name), { width, height: width < 1000 ? 700 : Math.round(width / 1.7) });
		t.ok(`${name}, ${width} pixels: nothing sticks out`, await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth),
			await page.evaluate(() => document.documentElement.scrollWidth));
		const canvas = await page.locator('.lanes canvas').boundingBox();
		t.ok(`${name}, ${width} pixels: the timeline has its place`, canvas.width > width * 0.5 && canvas.x + canvas.width <= width, JSON.stringify(canvas));
		t.clean(`${name}, ${width} pixels`, page);
		await page.close();
	}
}

async function paper(t, files, browser) {
	const page = await browser.open(files.page('known'), { print: true, dark: true, width: 720 });
	t.is('on paper: no controls', await page.evaluate(() => [...document.querySelectorAll('.bar, .tools, .link, .more')].filter((e) => e.getClientRects().length).length), 0);
	t.ok('on paper: all views', await count(page, 'section') >= 9);
	const told = await browser.open(files.page('phases'), { print: true, width: 720 });
	for (const [name, printed] of [['known', page], ['phases', told]])
		t.is(`on paper: no table is cut, ${name}`, await printed.evaluate(() => [...document.querySelectorAll('.table')].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.innerText.slice(0, 40))), []);
	await told.close();
	const pdf = await page.pdf({ format: 'A4' });
	t.ok('on paper: some pages', pdf.length > 20000 && pdf.subarray(0, 5).toString() === '%PDF-');
	t.clean('on paper', page);
	await page.close();
}

/** What a canvas shows is also there as text. */
async function tables(t, files, browser) {
	const page = await browser.open(files.page('known'));
	for (const [view, words] of [['timeline', 'The lanes as a table'], ['timeline', 'The longest waits here'], ['flame', 'The same as a table'],
		['waiters', 'The same as a table'], ['order', 'All 2 orders as a table']])
		t.is(`${view} has a table: ${words}`, await page.locator(`#${view} summary`, { hasText: words }).count(), 1);
	await page.locator('#timeline summary', { hasText: 'lanes as a table' }).click();
	await page.waitForSelector('#timeline details[open] table');
	t.like('the lanes as a table', await readText(page, '#timeline details[open] table'), /bob\s+4\.00 ms\s+1\.90 ms\s+4/);
	await page.close();
}

export async function run(t, files, browser) {
	for (const part of [keyboard, contrast, sizes, paper, tables])
		await part(t, files, browser);
}
