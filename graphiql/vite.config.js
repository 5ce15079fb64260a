import { defineConfig } from 'vite';

import { licences } from './licences.js';

const listed = licences();

export default defineConfig({
  base: '/graphiql/',
  plugins: [withoutInlineFonts(), listed.page()],
  worker: { format: 'es', plugins: () => [listed.worker()] },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 4096,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      // "use client" and its like mean nothing in a browser, and 200 modules carry one.
      onLog: (level, log, next) => log.code === 'MODULE_LEVEL_DIRECTIVE' || next(level, log),
    },
  },
});

/** GraphiQL's style sheet inlines 26 fonts; src/style.css brings those that are needed as files. */
function withoutInlineFonts() {
  return {
    name: 'without-inline-fonts',
    enforce: 'pre',
    transform: {
      filter: { id: /\/graphiql\/dist\/style\.css$/ },
      handler: (code) => ({
        code: code.replace(/@font-face\s*\{\s*font-family: (?:Roboto|Fira Code);[^}]*\}/g, ''),
        map: null,
      }),
    },
  };
}
