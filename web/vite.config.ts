import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

// POSTHOORN_CONSOLE is where the development server gets its data from: the mock, or a daemon.
const backend = process.env.POSTHOORN_CONSOLE ?? 'http://127.0.0.1:8485';

export default defineConfig({
  plugins: [svelte(), compressed()],
  base: './', // the console may stand under a path of somebody's proxy
  build: {
    outDir: '../internal/console/assets',
    emptyOutDir: true, // public/.gitkeep brings the placeholder back
    assetsInlineLimit: 0, // data: addresses are not allowed by the content policy
    modulePreload: { polyfill: false },
    target: 'es2022',
  },
  server: { proxy: { '/api': { target: backend, ws: true, changeOrigin: false } } },
});

// compressed puts a .gz beside each text file: the daemon sends it as it is.
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    async writeBundle(options, bundle) {
      for (const [name, file] of Object.entries(bundle)) {
        const content = file.type === 'chunk' ? file.code : file.source;
        await writeFile(join(options.dir!, name + '.gz'), await promisify(gzip)(content, { level: 9 }));
      }
    },
  };
}
