// SPDX-License-Identifier: MIT
// Every view of a trace of which all numbers are known.
import { colourOf, count, readAll, readColours, readTable, readText, settle } from './read.mjs';
import { formatCount, formatPercent, formatTime } from '../../viz/src/format.js';

const plain = (text) => text.replaceAll('\u00a0', ' ');

/** The table of classes against `lockprof report --json`, whose locks are one of each class here. */
async function compareLocks(t, files, page) {
	const report = files.report('known'), rows = await readTable(page, '#locks');
	t.is('locks: those of the report', rows.map((row) => row.lock).sort(), report.locks.map((lock) => lock.name).sort());
	t.is('locks: most waiting first', rows[0].lock, report.locks[0].name);
	for (const lock of report.locks) {
		const row = rows.find((r) => r.lock === lock.name);
		t.is(`locks: ${lock.name} has the report's numbers`,
			{ wait: row.wait, acquired: row.acquired, contended: row.contended, hold: row.hold, threads: row.threads, kind: row.kind },
			{ wait: plain(formatTime(lock.wait_ns)), acquired: formatCount(lock.acquisitions),
				contended: plain(formatPercent(lock.contended / lock.acquisitions)), hold: plain(formatTime(lock.hold_ns)),
				threads: formatCount(lock.threads), kind: lock.kind });
	}
	t.is('locks: percentiles', [rows[0].p50, rows[0].p99, rows[0].max],
		[report.locks[0].wait_p50_ns, report.locks[0].wait_p99_ns, report.locks[0].wait_max_ns].map((ns) => plain(formatTime(ns))));
	return report;
}

async function openLock(t, page) {
	await page.locator('#locks .handle', { hasText: 'cache_mu' }).click();
	const detail = await readText(page, '#locks tr.detail');
	t.like('a lock opens: how long waits were', detail, /waits: 2 times, half up to .*, at most 3\.00 ms/);
	t.like('a lock opens: how long holds were', detail, /holds: 6 times/);
	t.like('a lock opens: the places that take it', detail, /Places that take it[^]*generated\+0x2000\s+4\.00 ms\s+2\s+100 %\s+1\.50 ms/);
	await page.locator('#locks .handle', { hasText: 'cache_mu' }).click();
	t.is('and closes', await count(page, '#locks tr.detail'), 0);
	await page.locator('#locks .handle', { hasText: 'carols_lock' }).click();
	t.like('a reader-writer lock has both sides', await readText(page, '#locks tr.detail'), /Readers and writers[^]*read\s+[^]*write/);
	await page.locator('#locks .handle', { hasText: 'carols_lock' }).click();
}

async function sortAndSearch(t, page) {
	const names = async () => (await readTable(page, '#locks')).map((row) => row.lock);
	await page.locator('#locks > .table > table > thead button', { hasText: 'acquired' }).click();
	t.is('sorted by acquisitions', await names(), ['carols_lock', 'cache_mu', 'log_mu']);
	await page.locator('#locks > .table > table > thead button', { hasText: 'acquired' }).click();
	t.is('and the other way round', await names(), ['log_mu', 'cache_mu', 'carols_lock']);
	t.is('the head says so', await page.locator('#locks > .table > table > thead > tr > th[aria-sort="ascending"]').innerText(), 'acquired▴');
	const search = page.getByRole('searchbox');
	await search.fill('LOG');
	t.is('search: a lock', await names(), ['log_mu']);
	await search.fill('carol');
	t.is('search: a lock of that name, and a thread', [await names(), await readAll(page, '.names div')], [['carols_lock'], ['carol']]);
	await search.fill('generated+0x9000');
	await page.waitForFunction(() => document.querySelector('.box.found'));
	t.like('search: a function, and how much of the waiting it is', await readText(page, '#flame'), /Found: 4\.00 ms of the waiting, 100 %/);
	await search.fill('no such thing');
	t.is('search: nothing', await names(), []);
	await search.fill('');
	await page.locator('#locks > .table > table > thead button', { hasText: 'wait' }).first().click();
}

async function flame(t, page) {
	const boxes = () => settle(page).then(() => page.evaluate(() => [...document.querySelectorAll('.box')].map((b) => [b.title.replaceAll('\u00a0', ' '), Math.round(parseFloat(b.style.width))])));
	t.is('flame graph by waiter', await boxes(), [['all waiting: 4.00 ms, 100 %', 100], ['cache_mu: 4.00 ms, 100 %', 100],
		['generated+0x9000: 4.00 ms, 100 %', 100], ['generated+0x2000: 4.00 ms, 100 %', 100]]);
	await page.getByLabel('where the lock was held meanwhile').check();
	t.is('flame graph by holder', await boxes(), [['all waiting: 4.00 ms, 100 %', 100], ['cache_mu: 4.00 ms, 100 %', 100],
		['generated+0x1000: 4.00 ms, 100 %', 100]]);
	await page.locator('#flame summary').click();
	t.is('flame graph as a table', await readTable(page, '#flame details'),
		[{ waiting: '4.00 ms', 'lock, then stack from the bottom up': 'cache_mu › generated+0x1000' }]);
	await page.locator('.box').nth(2).click();
	t.is('a click makes a box as wide as the view', (await boxes())[0], ['generated+0x1000: 4.00 ms, 100 %', 100]);
	await page.getByRole('button', { name: 'show all' }).click();
	await page.getByLabel('where threads waited').check();
}

async function timeline(t, page) {
	t.is('timeline: a lane for each thread, most waiting first', await readAll(page, '.names div'), ['bob', 'alice', 'carol', 'generated']);
	const colours = await readColours(page, '.lanes canvas'), wait = await colourOf(page, '--wait');
	const heldWaiters = await colourOf(page, '--held-waiters'), width = await page.evaluate(() => document.querySelector('.lanes canvas').width);
	/* bob waits 4 of 30 ms, over 16 pixels; alice is waited for in 6 of 30 ms, over 11 */
	t.ok('timeline: waiting has its share of the picture', Math.abs(colours[wait] / (16 * width * 4 / 30) - 0.75) < 0.25, `${colours[wait]} of ${width}`);
	t.ok('timeline: a hold that others waited for, too', Math.abs(colours[heldWaiters] / (11 * width * 6 / 30) - 1) < 0.15, `${colours[heldWaiters]} of ${width}`);
	const area = await page.locator('.lanes canvas').boundingBox();
	await page.locator('#timeline').scrollIntoViewIfNeeded();
	const at = await page.locator('.lanes canvas').boundingBox();
	await page.mouse.move(at.x + area.width * 4 / 30, at.y + 10);
	await page.waitForSelector('.tip');
	t.is('timeline: what the pointer is over', await readText(page, '.tip'),
		'bob waited for cache_mu 3.00 ms in generated+0x2000, at 2.00 ms; alice held it before');
	await page.mouse.move(5, 5);
	await page.locator('#timeline summary', { hasText: 'longest waits' }).click();
	await page.waitForSelector('#timeline details[open] table');
	t.is('timeline: the longest waits', await readTable(page, '#timeline details[open]'), [
		{ wait: '3.00 ms', at: '2.00 ms', thread: 'bob', lock: 'cache_mu', where: 'generated+0x2000', 'held before by': 'alice' },
		{ wait: '1.00 ms', at: '11.0 ms', thread: 'bob', lock: 'cache_mu', where: 'generated+0x2000', 'held before by': 'alice' }]);
	await page.locator('#timeline summary', { hasText: 'longest waits' }).click();
	await page.getByLabel('lock', { exact: true }).check();
	t.is('timeline: a lane for each lock', await readAll(page, '.names div'), ['cache_mu', 'log_mu', 'carols_lock']);
	await page.getByLabel('name', { exact: true }).check();
	t.is('timeline: in the order of names', await readAll(page, '.names div'), ['cache_mu', 'carols_lock', 'log_mu']);
	await page.getByLabel('waiting', { exact: true }).check();
	await page.getByLabel('thread', { exact: true }).check();
}

async function others(t, page, report) {
	t.is('who waited for what', await readTable(page, '#heat'), [{ '': 'bob', cache_mu: '4.00 ms', all: '4.00 ms' }]);
	t.is('who blocked whom', await readTable(page, '#blocking'), [{ '': 'bob', alice: '4.00 ms', all: '4.00 ms' }]);
	t.ok('waiters over time: a curve', await page.locator('#waiters .uplot canvas').count() === 1);
	await page.locator('#waiters summary').click();
	const waiters = await readTable(page, '#waiters details');
	t.is('waiters over time: one from 2 to 5 ms and from 11 to 12 ms', waiters.map((row) => [parseFloat(row.at), row.all])
		.filter(([at]) => at > 2 && at < 4 || at > 6 && at < 10), waiters.map((row) => [parseFloat(row.at), parseFloat(row.at) < 5 ? '1.00' : '0.00'])
		.filter(([at]) => at > 2 && at < 4 || at > 6 && at < 10));
	t.like('lock order: both orders, and that they cannot close', await readText(page, '#order'), /in circles, but none of these can close/);
	t.is('lock order: drawn, with what goes round', [await count(page, '#order .node text'), await page.locator('#order .edge.cycle').count()], [2, 2]);
	t.is('joins', await readTable(page, '#apart'), [{ thread: 'generated', 'waited for the end of': 'alice', joins: '1', waiting: '6.00 ms', in: '' }]);
	t.like('the run: coverage', await readText(page, '#run'), /Coverage: 108 acquisitions, 4 threads; nothing was lost\./);
	t.like('the run: its process', await readText(page, '#run'), /generated --fast\s+4242\s+exit 0\s+32\.0 ms\s+trace/);
	t.like('the head of the page', await readText(page, 'header'),
		new RegExp(`generated\\s+32\\.0 ms, 4 threads, ${plain(formatTime(report.run.wait_ns))} of waiting for locks`));
	t.like('the summary', (await readAll(page, '.summary li')).join('\n'), /bob waited 4\.00 ms for cache_mu \(2 times, at worst 3\.00 ms\), 100 % of it while alice held it/);
	await page.locator('.summary button', { hasText: 'show' }).click();
	t.like('the summary leads to the lock', await readText(page, '#locks tr.chosen'), /cache_mu/);
}

export async function run(t, files, browser) {
	const page = await browser.open(files.page('known'));
	t.like('a policy that forbids everything else', await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content'),
		/^default-src 'none'; script-src 'sha256-[\w+/=]+'; /);
	t.is('the title', await page.title(), 'generated - lockprof');
	const report = await compareLocks(t, files, page);
	await openLock(t, page);
	await sortAndSearch(t, page);
	await timeline(t, page);
	await flame(t, page);
	await others(t, page, report);
	t.clean('all views', page);
	await page.close();
}
