import { expect, test, vi } from 'vitest'

import { Answers } from '../src/node/answers'
import { ReadError } from '../src/node/prover'

/** Questions that are answered when the test says so. */
function asked() {
  const waiting: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = []
  const ask = vi.fn(() => new Promise<unknown>((resolve, reject) => waiting.push({ resolve, reject })))
  return { ask, next: () => waiting.shift()! }
}

test('question of two who watch is asked once, and both are told', async () => {
  const answers = new Answers(vi.fn())
  const { ask, next } = asked()
  const [first, second] = [vi.fn(), vi.fn()]
  answers.watch('q', ask, false, first)
  answers.watch('q', ask, false, second)
  expect(ask).toHaveBeenCalledTimes(1)
  expect(answers.get('q').state).toBe('checking')
  next().resolve('a')
  await vi.waitFor(() => expect(second).toHaveBeenCalled())
  expect(first).toHaveBeenCalledTimes(1)
  expect(answers.get('q')).toEqual({ state: 'proved', answer: 'a' })
})

test('ledger that grows while an answer is on its way is asked once more, not each time', async () => {
  const answers = new Answers(vi.fn())
  const { ask, next } = asked()
  answers.watch('q', ask, false, () => undefined)
  for (let grown = 0; grown < 10; grown++) answers.refresh()
  expect(ask).toHaveBeenCalledTimes(1)
  next().resolve('old')
  await vi.waitFor(() => expect(ask).toHaveBeenCalledTimes(2))
  next().resolve('new')
  await vi.waitFor(() => expect(answers.get('q').answer).toBe('new'))
  expect(ask).toHaveBeenCalledTimes(2)
})

test('what nobody watches is not asked again, and what never changes is asked once', async () => {
  const answers = new Answers(vi.fn())
  const { ask, next } = asked()
  const leave = answers.watch('q', ask, true, () => undefined)
  next().resolve('a')
  await vi.waitFor(() => expect(answers.get('q').state).toBe('proved'))
  answers.refresh()
  leave()
  answers.refresh()
  answers.watch('q', ask, true, () => undefined)
  expect(ask).toHaveBeenCalledTimes(1)
})

test('answer that is not proved takes the old one away; a node that is silent does not', async () => {
  const onRefuted = vi.fn()
  const answers = new Answers(onRefuted)
  const { ask, next } = asked()
  answers.watch('q', ask, false, () => undefined)
  next().resolve('a')
  await vi.waitFor(() => expect(answers.get('q').state).toBe('proved'))
  answers.refresh()
  next().reject(new Error('gone'))
  await vi.waitFor(() => expect(answers.get('q')).toEqual({ state: 'unavailable', answer: 'a', error: new Error('gone') }))
  answers.refresh()
  const old = new ReadError('proof', 'stale', 'an old head')
  next().reject(old)
  await vi.waitFor(() => expect(answers.get('q')).toEqual({ state: 'refuted', answer: undefined, error: old }))
  expect(onRefuted).toHaveBeenCalledExactlyOnceWith(old)
})
