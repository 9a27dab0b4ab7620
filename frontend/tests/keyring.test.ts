import { keyPair, toHex } from '@zarnitsa/light-client'
import { beforeEach, expect, test } from 'vitest'

import { forgetKey, keepKey, keptKey, openKey, readSeed } from '../src/node/keyring'

const seed = new Uint8Array(32).fill(7)
const { publicKey } = keyPair(seed)

beforeEach(() => localStorage.clear())

test('key is given back for its passphrase alone', async () => {
  expect(keptKey()).toBeUndefined()
  expect(await openKey('anything')).toBeUndefined()
  await keepKey(seed.slice(), publicKey, 'correct horse')
  expect(keptKey()).toBe(publicKey)
  expect(await openKey('wrong horse')).toBeUndefined()
  expect(await openKey('correct horse')).toEqual(seed)
  forgetKey()
  expect(keptKey()).toBeUndefined()
})

test('storage never holds the seed in clear', async () => {
  await keepKey(seed.slice(), publicKey, 'correct horse')
  const all = JSON.stringify({ ...localStorage }) + Object.keys(localStorage).map((name) => localStorage.getItem(name)).join()
  expect(all).not.toContain(toHex(seed))
  expect(all).toContain(publicKey)
})

test('stored key that was changed is not opened', async () => {
  await keepKey(seed.slice(), publicKey, 'correct horse')
  const [name] = Object.keys(localStorage)
  const kept = JSON.parse(localStorage.getItem(name!)!) as Record<string, unknown>
  // Another public key beside the same seed, and a rule too weak to be ours.
  localStorage.setItem(name!, JSON.stringify({ ...kept, publicKey: 'ab'.repeat(32) }))
  expect(await openKey('correct horse')).toBeUndefined()
  for (const spoiled of ['', '{', 'null', JSON.stringify({ ...kept, iterations: 1 }), JSON.stringify({ ...kept, salt: 'zz' })]) {
    localStorage.setItem(name!, spoiled)
    expect(keptKey()).toBeUndefined()
  }
})

test('key is read from its file’s text, and nothing else is taken for one', () => {
  expect(readSeed(`${'0A'.repeat(32)}\n`)).toEqual(new Uint8Array(32).fill(10))
  for (const text of ['', 'zz', '0a'.repeat(31), '0a'.repeat(64), 'abandon abandon about']) expect(readSeed(text), text).toBeUndefined()
})
