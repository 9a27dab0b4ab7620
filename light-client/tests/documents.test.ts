import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

test('README shows the example that is run, and it is as short as it says', () => {
  const example = read('../examples/list-open-pay.mjs').split('\n').filter((line) => !line.startsWith('//'))
  expect(read('../README.md')).toContain(example.join('\n'))
  expect(example.filter((line) => line !== '').length).toBeLessThanOrEqual(20)
})
