// SPDX-License-Identifier: MIT
// Phases of the program: bands, the table, narrowing, links; and no sign of them where there are none.
import path from 'node:path';
import { cleanText } from '../../viz/src/data/text.js';
import { formatCount, formatPercent, formatRate, formatTime } from '../../viz/src/format.js';
import { colourOf, count, readAll, readColours, readTable, readText, settle } from './read.mjs';

const bands = (page) => settle(page).then(() => page.evaluate(() => [...document.querySelectorAll('#timeline .band')].map((band) => {
	const row = band.parentElement.getBoundingClientRect(), box = band.getBoundingClientRect();
	return [band.innerText.replaceAll('\u00a0', ' '), Math.round((box.left - row.left) / row.width * 300) / 10, Math.round(box.width / row.width * 300) / 10];
})));

/** The table, and what a whole phase narrows the others to, against the report's. */
async function compareReport(t, files, browser) {
	const report = files.report('phases'), page = await browser.open(files.page('phases')), plain = (text) => text.replaceAll('\u00a0', ' ');
	const rows = await readTable(page, '#phases');
	t.is('phases: the numbers of report --json', rows.map((row) => [row.phase, row.time, row.acquired, row.wait, row.share, row.units, row['acquired / unit']]).sort(),
		report.phases.map((p) => [p.name === null ? '(no phase)' : cleanText(p.name), plain(formatTime(p.time_ns)), formatCount(p.acquisitions), plain(formatTime(p.wait_ns)), plain(formatPercent(p.wait_share)),
			formatCount(p.work_units), formatRate(p.acquisitions_per_unit)]).sort());
	const serve = JSON.parse(files.tool('report', '--json', '--phase=serve', files.trace('phases')));
	await page.locator('#phases .handle', { hasText: 'serve' }).click();
	await page.waitForSelector('.span-note');
	t.is('a chosen phase: the numbers of report --phase', (await readTable(page, '#locks')).map((row) => [row.lock, row.wait, row.share, row.acquired, row.hold]),
		serve.locks.map((lock) => [lock.name, plain(formatTime(lock.wait_ns)), plain(formatPercent(lock.wait_share)), formatCount(lock.acquisitions), plain(formatTime(lock.hold_ns))]));
	t.clean('phases against the report', page);
	await page.close();
}

async function table(t, page) {
	const rows = await readTable(page, '#phases');
	t.is('phases: each with its numbers', rows, [
		{ phase: 'serve', time: '10.0 ms', times: '1', acquired: '6', contended: '33.3 %', wait: '750 us', share: '3.8 %', units: '10', 'acquired / unit': '0.6', 'wait / unit': '75.0 us' },
		{ phase: 'load', time: '9.00 ms', times: '1', acquired: '3', contended: '33.3 %', wait: '3.00 ms', share: '16.7 %', units: '0', 'acquired / unit': '', 'wait / unit': '' },
		{ phase: '</script><b>\\u202e stop', time: '6.00 ms', times: '1', acquired: '0', contended: '0.0 %', wait: '0 ns', share: '0.0 %', units: '0', 'acquired / unit': '', 'wait / unit': '' },
		{ phase: '(no phase)', time: '1.00 ms', times: '0', acquired: '0', contended: '0.0 %', wait: '0 ns', share: '0.0 %', units: '0', 'acquired / unit': '', 'wait / unit': '' },
	]);
	await page.locator('#phases > .table > table > thead button', { hasText: 'wait' }).first().click();
	t.is('phases: sorted by waiting', (await readTable(page, '#phases')).map((row) => row.phase).slice(0, 2), ['load', 'serve']);
	t.is('locks: acquisitions for each unit of the run', (await readTable(page, '#locks')).map((row) => [row.lock, row['/ unit']]), [['cache_mu', '0.7'], ['log_mu', '0.2']]);
}

async function picture(t, page) {
	t.is('bands: where each phase was, in ms, and what was not recorded', await bands(page),
		[['load', 1, 9], ['serve', 10, 4], ['not recorded', 14, 4], ['serve', 18, 6], ['</script><b>\\u202e stop', 24, 6]]);
	t.is('bands: they say more to who asks', (await page.locator('#timeline .band').nth(2).getAttribute('title')).replaceAll('\u00a0', ' '), 'not recorded: 4.00 ms from 14.0 ms on');
	t.like('the legend says what hatched is', await readText(page, '.legend'), /not recorded/);
	t.ok('the lanes are hatched there', await page.evaluate(() => {
		const canvas = document.querySelector('.lanes canvas'), paper = getComputedStyle(document.body).backgroundColor.match(/\d+/g).join();
		const { data } = canvas.getContext('2d').getImageData(0, 10, canvas.width, 1);
		const differ = (ms) => {
			let nr = 0;
			for (let x = Math.floor(canvas.width * ms / 30); x < canvas.width * (ms + 1) / 30; x++)
				nr += `${data[4 * x]},${data[4 * x + 1]},${data[4 * x + 2]}` === paper ? 0 : 1;
			return nr;
		};
		return differ(15.5) > 0 && differ(26) === 0;
	}));
	const shade = (await readColours(page, '#waiters canvas'))[await colourOf(page, '--shade')] ?? 0;
	t.ok('bands are behind the curve, too', shade > 1000, shade);
}

/** What the views say, once they are narrowed. */
async function shown(page, note) {
	await page.waitForFunction((text) => document.querySelector('.span-note')?.innerText.replaceAll('\u00a0', ' ').includes(text), note);
	const rows = await readTable(page, '#locks');
	return rows.map((row) => [row.lock, row.wait, row.acquired, row['/ unit'] ?? null]);
}

async function narrowing(t, page) {
	await page.locator('#phases .handle', { hasText: 'serve' }).click();
	t.is('a phase is chosen: all views count it alone', await shown(page, 'Shown: phase serve, all 2 parts'),
		[['cache_mu', '750 us', '4', '0.4'], ['log_mu', '0 ns', '2', '0.2']]);
	t.is('... also who waited', (await readTable(page, '#heat')).map((row) => Object.values(row)), [['alice', '750 us', '750 us']]);
	t.like('... and it opens: its locks', await readText(page, '#phases tr.detail'), /Locks taken in it[^]*cache_mu\s+750 us\s+4\s+0\.4\s+50\.0 %[^]*log_mu\s+0 ns\s+2\s+0\.2/);
	t.like('... and when it was', await readText(page, '#phases tr.detail'), /When it was[^]*10\.0 ms\s+4\.00 ms\s+18\.0 ms\s+6\.00 ms/);
	t.is('... its bands say so', await page.locator('#timeline .band.chosen').count(), 2);
	await page.locator('.span-note button', { hasText: 'next' }).click();
	t.is('next: the first time', await shown(page, '4.00 ms from 10.0 ms on, phase serve, part 1 of 2'), [['cache_mu', '500 us', '2', null], ['log_mu', '0 ns', '1', null]]);
	await page.locator('.span-note button', { hasText: 'next' }).click();
	t.is('next: the second', await shown(page, '6.00 ms from 18.0 ms on, phase serve, part 2 of 2'), [['cache_mu', '250 us', '2', null], ['log_mu', '0 ns', '1', null]]);
	await page.waitForFunction(() => /phase=2/.test(location.hash) && /range=18000000-24000000/.test(location.hash));
	t.is('the address has both', true, true);
	await page.locator('.span-note button', { hasText: 'all of them' }).click();
	await shown(page, 'all 2 parts');
	await page.locator('.span-note button', { hasText: 'the whole run' }).click();
	await page.waitForFunction(() => !document.querySelector('.span-note'));
	t.is('the whole run again', (await readTable(page, '#locks')).map((row) => row.wait), ['3.75 ms', '0 ns']);
	await page.locator('#timeline .band', { hasText: 'load' }).first().focus();
	await page.keyboard.press('Enter');
	t.is('a band, by keyboard: its phase and its time', await shown(page, '9.00 ms from 1.00 ms on, phase load'), [['cache_mu', '3.00 ms', '2', null]].concat([['log_mu', '0 ns', '0', null]]));
}

async function comparison(t, files, browser) {
	files.trace('known');
	const page = await browser.open(files.page('phases', '--base=phases.trace'));
	const rows = await page.evaluate(() => [...[...document.querySelectorAll('#compare table')].find((table) => table.caption.innerText.startsWith('Phases')).tBodies[0].rows]
		.map((row) => [...row.cells].map((cell) => cell.innerText.replaceAll('\u00a0', ' ')).slice(0, 5)));
	t.is('a comparison has the phases of both', rows.slice(0, 2), [['serve', '10.0 ms', '10.0 ms', '6', '6'], ['load', '9.00 ms', '9.00 ms', '3', '3']]);
	t.clean('a comparison with phases', page);
	await page.close();
	const other = await browser.open(files.page('known', '--base=phases.trace'));
	t.like('... and those that are gone', await readText(other, '#compare'), /Phases, before and now[^]*serve vanished/);
	t.is('... but no empty view', await count(other, '#phases'), 0);
	t.clean('a comparison with phases before', other);
	await other.close();
}

/** What --phase leaves is what choosing it on the page leaves. */
async function onlyOne(t, files, browser) {
	const page = await browser.open(files.page('phases', '--phase=serve'));
	t.like('--phase: the page says so', await readText(page, '.facts'), /^only phase serve: 10\.0 ms/);
	t.is('--phase: only that one is in the table', (await readTable(page, '#phases')).map((row) => row.phase), ['serve']);
	t.is('--phase: the same numbers', (await readTable(page, '#locks')).map((row) => [row.lock, row.wait, row.acquired, row['/ unit']]),
		[['cache_mu', '750 us', '4', '0.4'], ['log_mu', '0 ns', '2', '0.2']]);
	t.is('--phase: but all bands, to see where it was', (await bands(page)).length, 5);
	t.clean('--phase', page);
	await page.close();
}

async function several(t, files, browser) {
	files.tool('html', '-o', 'two.html', files.trace('phases'), files.trace('phases'));
	const page = await browser.open(path.join(files.folder, 'two.html'));
	t.is('two processes: a row of bands for each', await count(page, '#timeline .bands'), 2);
	t.is('... and the sums of both', (await readTable(page, '#phases'))[0].acquired, '12');
	await page.locator('.bar select').selectOption('0');
	await page.waitForFunction(() => document.querySelectorAll('#timeline .bands').length === 1);
	t.is('... one of them', (await bands(page)).length, 5);
	t.clean('two processes with phases', page);
	await page.close();
}

async function none(t, files, browser) {
	const page = await browser.open(files.page('known'), { fragment: 'phase=1' });
	t.is('no phases: no view, no bands, no column, no filter', [await count(page, '#phases, .bands, .band, .span-note'), (await readAll(page, 'nav a')).includes('Phases'),
		Object.keys((await readTable(page, '#locks'))[0]).includes('/ unit')], [0, false, false]);
	t.clean('no phases', page);
	await page.close();
}

export async function run(t, files, browser) {
	for (const dark of [false, true]) {
		const page = await browser.open(files.page('phases'), { dark });
		await picture(t, page);
		t.clean(dark ? 'phases, dark' : 'phases', page);
		await page.close();
	}
	const page = await browser.open(files.page('phases'));
	await table(t, page);
	await narrowing(t, page);
	t.clean('phases, narrowed', page);
	await page.close();
	await compareReport(t, files, browser);
	const linked = await browser.open(files.page('phases'), { fragment: 'phase=2&range=18000000-24000000' });
	t.is('a link restores a phase and its time', (await shown(linked, 'part 2 of 2')).length, 2);
	await linked.close();
	await comparison(t, files, browser);
	await onlyOne(t, files, browser);
	await several(t, files, browser);
	await none(t, files, browser);
}
