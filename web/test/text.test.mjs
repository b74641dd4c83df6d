// The text of strangers is text: no source may turn a string into markup or code.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

const sources = fileURLToPath(new URL('../src/', import.meta.url));
const forbidden = [
  /\{@html/,
  /innerHTML|outerHTML|insertAdjacentHTML|document\.write/,
  /\beval\(|new Function\(/,
  /\sstyle="/,
  /\son[a-z]+="/,
  /https?:\/\/(?!www\.w3\.org)/,
];

test('no string becomes markup, code, or an address elsewhere', async () => {
  let files = 0;
  for (const entry of await readdir(sources, { recursive: true, withFileTypes: true })) {
    if (!/\.(svelte|ts|css)$/.test(entry.name)) continue;
    files++;
    const text = await readFile(join(entry.parentPath ?? entry.path, entry.name), 'utf8');
    for (const pattern of forbidden) assert.doesNotMatch(text, pattern, entry.name);
  }
  assert.ok(files > 50, `only ${files} files were read`);
});
