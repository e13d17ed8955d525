// SPDX-License-Identifier: MIT
// Recordings of all kinds: a comparison, mode profile, a deadlock, several processes, a crowd, next to nothing.
import path from 'node:path';
import { count, readAll, readTable, readText, settle } from './read.mjs';

async function comparison(t, files, browser) {
	files.trace('known');
	const page = await browser.open(files.page('after', '--base=known.trace'));
	const told = (await readAll(page, '#compare li')).join('\n');
	t.like('a comparison begins with words', told, /All waiting for locks fell from 4\.00 ms to 2\.00 ms: 3\.1 % of the threads' time before, 1\.6 % now/);
	t.like('... about each lock that changed', told, /cache_mu: waiting fell from 4\.00 ms to 2\.00 ms \(−50 %\)/);
	const rows = await readTable(page, '#compare');
	t.is('... and has a table', rows.map((row) => [row.lock, row.change]), [['cache_mu', '−2.00 ms'], ['carols_lock vanished', '0 ns'], ['log_mu', '0 ns'], ['new_lock appeared', '0 ns']]);
	t.is('... with both sides', [rows[0].wait, rows[0].now, rows[0]['hold p99'], rows[0].acquired], ['4.00 ms', '2.00 ms', '4.00 ms', '6']);
	t.like('the flame graph says what shrank', (await readAll(page, '.box')).join('\n'), /− all waiting\n− cache_mu/);
	t.like('... and what the colours mean', await readText(page, '#flame'), /\+ grew[^]*− shrank[^]*as before/);
	t.like('... in words', await page.locator('.box').nth(1).getAttribute('title').then((s) => s.replaceAll('\u00a0', ' ')), /^cache_mu: 2\.00 ms, 100 %; -2\.00 ms against 4\.00 ms before$/);
	t.clean('a comparison', page);
	await page.close();
}

async function profile(t, files, browser) {
	files.record('profile', 'samples/io_under_lock', '--mode=profile');
	const page = await browser.open(files.page('profile')), report = files.report('profile');
	t.like('mode profile: says why there is no timeline', await readText(page, '#timeline'), /There is none: statistics alone were recorded \(mode profile\)/);
	t.is('mode profile: nothing is drawn', await count(page, '.lanes, .uplot'), 0);
	t.is('mode profile: locks are there', (await readTable(page, '#locks')).map((row) => row.lock), report.locks.map((lock) => lock.name));
	t.ok('mode profile: who waited for what is there', await count(page, '#heat tbody tr') >= 1);
	t.like('mode profile: who blocked whom is known by the kept waits', await readText(page, '#blocking tbody'), /flusher|worker/);
	t.like('mode profile: ... the flusher', await readText(page, '#blocking thead'), /flusher/);
	t.clean('mode profile', page);
	await page.close();
}

async function deadlock(t, files, browser) {
	files.record('hang', 'order/hang');
	const page = await browser.open(files.page('hang'));
	t.like('a deadlock comes first', (await readAll(page, '.summary li'))[0], /OCCURRED: one and two wait for each other/);
	t.is('its steps', (await readAll(page, '.steps > li')).map((s) => s.split('\n')[0].replace(/, at \d.*/, '')),
		['one holds a_mu', 'two holds b_mu', 'one waits for b_mu, which two has', 'two waits for a_mu, which one has']);
	t.like('and where', await readText(page, '.steps'), /in take_a_then_b \(hang\.c:\d+\)[^]*in take_b_then_a \(hang\.c:\d+\)/);
	t.is('the circle is drawn', await count(page, '#order .edge.cycle'), 2);
	await page.locator('.summary button', { hasText: 'show the steps' }).click();
	await page.waitForFunction(() => location.hash.includes('finding='));
	t.is('a link to it', await count(page, '.finding[open]'), 1);
	await page.locator('.finding > summary').click();
	t.is('it closes', await count(page, '.finding[open]'), 0);
	t.clean('a deadlock', page);
	await page.close();
}

async function processes(t, files, browser) {
	files.tool('record', '--quiet', '-o', 'fork.%p.trace', '--', path.join(files.build, 'tests', 'fork_many'));
	const traces = files.list(/^fork\.\d+\.trace$/);
	files.tool('html', '-o', 'fork.html', ...traces);
	const page = await browser.open(path.join(files.folder, 'fork.html'));
	const lanes = await readAll(page, '.names div');
	t.is('several processes: lanes say of which they are', lanes.every((name) => /\[\d+\]$/.test(name)), true);
	t.is('several processes: no two lanes have a name', new Set(lanes).size, lanes.length);
	const options = await readAll(page, '.bar option');
	t.is('several processes: all can be chosen', options.length, traces.length + 1);
	const before = (await readTable(page, '#locks')).find((row) => row.lock.startsWith('child_mu'));
	await page.locator('.bar select').selectOption({ index: 2 });
	await page.waitForSelector('.span-note');
	const pid = options[2].match(/\d+$/)[0];
	t.ok('one process: its lanes', (await readAll(page, '.names div')).every((name) => name.endsWith(`[${pid}]`)));
	const after = (await readTable(page, '#locks')).find((row) => row.lock.startsWith('child_mu'));
	t.ok('one process: its acquisitions', Number(after.acquired.replace(',', '')) < Number(before.acquired.replace(',', '')), `${after.acquired} of ${before.acquired}`);
	t.clean('several processes', page);
	await page.close();
}

async function crowd(t, files, browser) {
	const page = await browser.open(files.page('crowd'));
	t.is('a crowd: ten locks, and how many more', [(await readTable(page, '#locks')).length, await readText(page, '#locks .more')], [10, '2,990 more']);
	t.is('a crowd: 500 lanes', await count(page, '.names div'), 500);
	t.like('a crowd: tables say what they leave out', await readText(page, '#heat'), /476 more rows/);
	await page.locator('.lanes').evaluate((box) => { box.scrollTop = 20 * 300; });
	await settle(page);
	const area = await page.locator('.lanes').boundingBox(), names = await page.locator('.names div').nth(300).boundingBox();
	t.ok('a crowd: lanes scroll, and the names with them', Math.abs(area.y - names.y) < 3, `${area.y} ${names.y}`);
	await page.getByRole('searchbox').fill('crowd-49');
	t.is('a crowd: the search finds', await count(page, '.names div'), 11);
	t.clean('a crowd', page);
	await page.close();
}

async function nothing(t, files, browser) {
	for (const [name, pattern] of [['empty', /No use of a lock was recorded/], ['quiet', /No thread had to wait for a lock/]]) {
		const page = await browser.open(files.page(name));
		t.like(`${name}: says so`, (await readAll(page, '.summary li')).join('\n'), pattern);
		t.like(`${name}: the head, too`, await readText(page, 'header'), /no waiting for locks/);
		t.clean(name, page);
		await page.close();
	}
}

export async function run(t, files, browser) {
	for (const part of [comparison, profile, deadlock, processes, crowd, nothing])
		await part(t, files, browser);
}
