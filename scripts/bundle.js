/**
 * Joins the built program and the packages that it needs into a few files: Node then opens some 20 modules for a command
 * rather than 500, which is most of what a short command takes. Beside it stand the licences of those packages.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));

await build({
  ...{ root, configFile: false, logLevel: 'warn' },
  // These bring native code or WebAssembly along, which they find beside their own files.
  ssr: { noExternal: true, external: ['onnxruntime-node', 'onnxruntime-web', 'sharp'] },
  build: {
    ssr: join(root, 'dist', 'cli', 'main.js'),
    // As deep as `dist/cli`: the program reads `../../package.json`.
    outDir: join(root, 'dist', 'program'),
    ...{ emptyOutDir: true, minify: false, target: 'node20', reportCompressedSize: false },
    license: { fileName: 'LICENSES.md' },
    rolldownOptions: { output: { chunkFileNames: '[name]-[hash].js' } },
  },
});
