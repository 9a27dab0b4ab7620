import { expect, test } from 'vitest'

import { Pin } from '../src/index.js'
import { id } from './vectors.js'

function store() {
  const kept = new Map<string, string>()
  return {
    kept,
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
    removeItem: (name: string) => void kept.delete(name),
  }
}

test('key that was never pinned is unknown, and another one than the pinned is a change', () => {
  const pin = new Pin(store())
  expect(pin.check(id(1))).toBe('unknown')
  expect(pin.key).toBeUndefined()
  pin.keep(id(1))
  expect(pin.check(id(1))).toBe('same')
  expect(pin.check(id(2))).toBe('changed')
  expect(pin.key).toBe(id(1))
  pin.forget()
  expect(pin.check(id(2))).toBe('unknown')
})

test('what is no key is not pinned, and damaged storage is no pin', () => {
  const damaged = store()
  const pin = new Pin(damaged)
  for (const text of ['', 'zz', id(1).slice(2)]) expect(() => pin.keep(text)).toThrow(TypeError)
  damaged.kept.set('zarnitsa.validator-key', 'garbage')
  expect(pin.key).toBeUndefined()
})

test('nodes that share a store are pinned apart', () => {
  const shared = store()
  new Pin(shared, '.a').keep(id(1))
  expect(new Pin(shared, '.b').check(id(2))).toBe('unknown')
})
