// @vitest-environment node

import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'

const LIMIT = 300_000

/** What is built: `scripts/web test` builds first. */
const dist = new URL('../dist/', import.meta.url)

test('first load is small, the worker that checks proofs included', () => {
  const assets = readdirSync(new URL('assets/', dist))
  // The picture of the network is loaded when somebody looks at it.
  const first = ['index.html', ...assets.filter((name) => !name.startsWith('Network')).map((name) => `assets/${name}`)]
  const sizes = first.map((name) => [name, gzipSync(readFileSync(new URL(name, dist))).length] as const)
  const sum = sizes.reduce((total, [, size]) => total + size, 0)
  console.log(sizes.map(([name, size]) => `${size} ${name}`).join('\n'))
  console.log(`first load: ${sum} bytes, compressed`)
  expect(assets.some((name) => name.startsWith('Network'))).toBe(true)
  expect(sum).toBeLessThan(LIMIT)
})

test('page has nothing inline and asks no other host', () => {
  const html = readFileSync(new URL('index.html', dist), 'utf8')
  expect(html).not.toMatch(/<script(?![^>]*\bsrc=)/)
  expect(html).not.toMatch(/<style|\sstyle=|\son\w+=/)
  expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//)
})
