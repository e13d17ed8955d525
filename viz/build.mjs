// SPDX-License-Identifier: MIT
// viz/src/ to viz/page.html: one file, everything inline, the same bytes at every build.
//
//   node build.mjs [OUTPUT]     (page.html beside this file)
//
// The script is classic and not a module, because a module does not load from file://. The page's
// Content-Security-Policy names the script by its hash: nothing else on it can ever run.
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import * as esbuild from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));
const output = process.argv[2] ?? path.join(here, 'page.html');

async function bundle(entry) {
	const result = await esbuild.build({
		entryPoints: [path.join(here, entry)],
		absWorkingDir: here,
		bundle: true,
		minify: true,
		write: false,
		format: 'iife',
		target: ['chrome103', 'firefox113', 'safari16.4'],
		jsx: 'automatic',
		jsxImportSource: 'preact',
		legalComments: 'none',
		define: { 'process.env.NODE_ENV': '"production"' },
		loader: { '.css': 'css' },
	});
	return result.outputFiles[0].text.trim();
}

const script = (await bundle('src/main.jsx')).replaceAll('</script', '<\\/script');
const style = await bundle('src/style.css');
const template = await readFile(path.join(here, 'template.html'), 'utf8');
const hash = 'sha256-' + createHash('sha256').update(script).digest('base64');

// Functions as replacements: in a text, $& and its like would mean something.
const page = template
	.replace('{{script-hash}}', () => hash)
	.replace('{{style}}', () => style)
	.replace('{{script}}', () => script);
await writeFile(output, page);
