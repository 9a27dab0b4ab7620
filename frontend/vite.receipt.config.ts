import { createHash } from 'node:crypto'

import { defineConfig, type Plugin } from 'vite'

/** The page that checks receipts: one file without references, whose policy lets it run itself and ask nobody. */
export default defineConfig({
  plugins: [oneFile()],
  publicDir: false,
  build: {
    emptyOutDir: false,
    modulePreload: { polyfill: false },
    target: 'es2022',
    sourcemap: false,
    chunkSizeWarningLimit: 1000,
    rolldownOptions: { input: 'receipt.html' },
  },
})

function oneFile(): Plugin {
  return {
    name: 'zarnitsa-one-file',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const page = bundle['receipt.html']
      if (page?.type !== 'asset') throw new Error('there is no receipt.html')
      let html = String(page.source)
      const policy: Record<string, string> = { 'script-src': "'none'", 'style-src': "'none'" }
      const inline = (tag: RegExp, directive: string, text: string, before: string, after: string) => {
        if (!tag.test(html)) throw new Error(`receipt.html does not refer to its ${directive}`)
        const hash = createHash('sha256').update(text).digest('base64')
        policy[directive] = `'sha256-${hash}'`
        // A function: in a string, `$&` and the like would mean something.
        html = html.replace(tag, () => before + text + after)
      }
      for (const [name, part] of Object.entries(bundle)) {
        if (part.type === 'chunk') {
          const code = part.code.replaceAll('</script', '<\\/script')
          // At the end of the page, where the root is.
          html = html.replace('</body>', () => `<script type="module" src="/${name}"></script></body>`)
          html = html.replace(/<script type="module" crossorigin[^>]*><\/script>\s*/, '')
          inline(/<script type="module" src="[^"]*"><\/script>/, 'script-src', code, '<script type="module">', '</script>')
        } else if (name.endsWith('.css')) {
          inline(/<link rel="stylesheet"[^>]*>/, 'style-src', String(part.source), '<style>', '</style>')
        } else continue
        delete bundle[name]
      }
      const rules = Object.entries(policy).map(([directive, sources]) => `${directive} ${sources}`)
      const content = ["default-src 'none'", ...rules, "base-uri 'none'", "form-action 'none'"].join('; ')
      const meta = `<meta http-equiv="Content-Security-Policy" content="${content}" />`
      page.source = html.replace('<meta charset="utf-8" />', (charset) => `${charset}\n    ${meta}`)
    },
  }
}
