// SPDX-License-Identifier: MIT
// Names of threads, locks, functions, files, programs and hosts that want to be script, to move the
// cursor, to turn the writing around, or to fill the page.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { count, readAll, readText } from './read.mjs';

const ODD = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f]/;

/** No view is wider than the window, no line of a table higher than some lines of text: 10,000 letters would be. */
function layout(page) {
	return page.evaluate(() => {
		const most = window.innerWidth < 600 ? 600 : 200;
		const faults = [];
		if (document.documentElement.scrollWidth > window.innerWidth)
			faults.push(`the page is ${document.documentElement.scrollWidth} wide`);
		for (const row of document.querySelectorAll('tr:not(.detail), .summary li, h1, .names div, .box, .u-legend'))
			if (row.getBoundingClientRect().height > most)
				faults.push(`${row.tagName} ${row.className} is ${row.getBoundingClientRect().height} high: ${row.innerText.slice(0, 60)}`);
		return faults;
	});
}

async function harmless(t, name, page) {
	t.is(`${name}: no script ran`, await page.evaluate(() => window.hacked), undefined);
	t.is(`${name}: no element was made`, await count(page, 'img, iframe, object, embed, #app script, #app [onerror], #app [onmouseover]'), 0);
	t.ok(`${name}: no odd character is left`, !ODD.test(await page.evaluate(() => document.title + document.body.innerText +
		[...document.querySelectorAll('[title], [aria-label]')].map((e) => `${e.title}${e.ariaLabel}`).join(''))));
	t.is(`${name}: the layout stands`, await layout(page), []);
	t.clean(name, page);
}

/** Every way to see a name: details, tables, tips. */
async function lookEverywhere(page) {
	for (const handle of await page.locator('#locks .handle').all())
		await handle.click();
	for (const summary of await page.locator('summary:visible').all())
		await summary.click();
	const area = await page.locator('.lanes canvas').boundingBox();
	for (let x = 5; x < area.width; x += area.width / 20)
		await page.mouse.move(area.x + x, area.y + 10);
	await page.locator('.lanes').focus();
	await page.keyboard.press('n');
}

async function generated(t, files, browser) {
	for (const [width, dark] of [[1300, false], [375, true]]) {
		const page = await browser.open(files.page('hostile'), { width, dark });
		await lookEverywhere(page);
		await harmless(t, `hostile names at ${width} pixels`, page);
		await page.close();
	}
	const page = await browser.open(files.page('hostile'));
	t.ok('the names are there as text', (await readAll(page, '#locks .handle')).includes('</script><script>window.hacked=1</script><img src=x onerror=window.hacked=2>'));
	t.like('what cannot be seen is written out', await readText(page, '#locks'), /a\\x1b\[m.*\\u202e txt\.exe\\u2066\\x07\\x0d\\x0ab/);
	await page.close();
	const html = readFileSync(files.page('hostile'), 'utf8');
	t.is('the file: as many script elements as it means to have', html.match(/<\/?script/gi).length % 2, 0);
	t.ok('the file: no name as it is', !html.includes('window.hacked=1</script>') && !html.includes('<img src=x'));
}

/** Symbols and files of a program, changed after it was linked. */
async function symbols(t, files, browser, folder) {
	const evil = path.join(folder, '<img src=x onerror=window.hacked=6>'), program = path.join(evil, 'a<b>"');
	mkdirSync(evil);
	execFileSync('gcc', ['-O0', '-g', '-pthread', '-x', 'c', '-o', path.join(evil, 'a'), '-'], { cwd: evil, input: `
		#include <pthread.h>
		#include <unistd.h>
		#line 7 "</script><script>window.hacked=7.c"
		static pthread_mutex_t evil_mu = PTHREAD_MUTEX_INITIALIZER;
		static void evil_hold(void) { pthread_mutex_lock(&evil_mu); usleep(3000); pthread_mutex_unlock(&evil_mu); }
		static void *work(void *unused) { for (int i = 0; i < 20; i++) evil_hold(); return unused; }
		int main(void)
		{
			pthread_t t[3];
			for (int i = 0; i < 3; i++) pthread_create(&t[i], NULL, work, NULL);
			for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
			return 0;
		}` });
	execFileSync('objcopy', ['--redefine-sym', 'evil_mu=<svg onload=window.hacked=8>', '--redefine-sym', 'evil_hold=</script><b>&amp;',
		path.join(evil, 'a'), program]);
	files.tool('record', '--quiet', '-o', path.join(folder, 'evil.trace'), '--', program);
	files.tool('html', '-o', 'evil.html', path.join(folder, 'evil.trace'));
	const page = await browser.open(path.join(folder, 'evil.html'));
	t.like('a lock named by an evil symbol', await readText(page, '#locks'), /<svg onload=window\.hacked=8>/);
	await lookEverywhere(page);
	await harmless(t, 'evil symbols, files and folders', page);
	await page.close();
}

export async function run(t, files, browser) {
	await generated(t, files, browser);
	await symbols(t, files, browser, files.folder);
}
