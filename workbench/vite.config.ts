/** Builds and serves the page; see docs/browser.md for what each setting is needed for. */
import { builtinModules } from 'node:module';
import { defineConfig, type Plugin } from 'vite';

/** Without these two, workers share no memory, and WebAssembly has one thread. */
export const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** Vite puts an empty module in the place of one of Node's: the page would break where it is used. So the build does. */
export function nothingOfNode(): Plugin {
  return {
    name: 'nothing-of-node',
    enforce: 'pre',
    resolveId(source, importer) {
      if (source.startsWith('node:') || builtinModules.includes(source))
        this.error(`${importer ?? 'the page'} imports "${source}", which a browser does not have`);
      return null;
    },
  };
}

export default defineConfig({
  plugins: [nothingOfNode()],
  server: { headers: isolation },
  preview: { headers: isolation },
  worker: { format: 'es', plugins: () => [nothingOfNode()] },
  build: { target: 'es2022' },
});
