import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  plugins: [react()],
  build: {
    // The node's content security policy allows no inline scripts, styles or data: workers.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    sourcemap: false,
  },
  worker: { format: 'es' },
  server: { proxy: { '/api': { target: 'http://127.0.0.1:9780', ws: true } } },
  test: { environment: 'happy-dom', include: ['{tests,desktop/tests}/**/*.test.{ts,tsx}'], testTimeout: 20_000, setupFiles: ['tests/setup.ts'] },
})
