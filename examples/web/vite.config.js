import { defineConfig } from 'vite';

// The gateway that `npm run dev` speaks to; its demo takes pages of its own origin alone.
const gateway = process.env.GATEWAY ?? 'http://127.0.0.1:8080';

export default defineConfig({
  base: './',
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { proxy: { '/graphql': { target: gateway, changeOrigin: true, ws: true } } },
});
