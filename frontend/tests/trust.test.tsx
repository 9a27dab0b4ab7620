import { act, cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { NodeContext, useProved } from '../src/node/context'
import { keepEvent, keepSeen, pin, pinnedKey, seenEvent, seenHead } from '../src/node/pin'
import { ReadError, type Prover } from '../src/node/prover'
import { Command } from '../src/parts/Command'
import { PinKey } from '../src/parts/PinKey'
import { ProofBadge } from '../src/parts/ProofBadge'
import { node } from './node'

const KEY = 'ab'.repeat(32)

beforeEach(() => {
  localStorage.clear()
  location.hash = ''
})
afterEach(cleanup)

function Channels() {
  return <ProofBadge proof={useProved('channels')} />
}

const block = { height: 7, hash: '01', stateHash: '02', time: new Date(0) }
const answer = { value: [], block, table: { name: 'lightning.channels', root: '03' } }

test('what is proved says at which block, and shows by what', async () => {
  const read = (() => Promise.resolve(answer)) as unknown as Prover['read']
  render(<NodeContext value={node({ read })}><Channels /></NodeContext>)
  expect(screen.getByText('checking')).toBeTruthy()
  const badge = await screen.findByRole('button', { name: 'proved at block 7' })
  fireEvent.click(badge)
  expect(screen.getByText('lightning.channels')).toBeTruthy()
})

test('what is not proved is shown as such and locks the page', async () => {
  const suspect = vi.fn()
  const read = () => Promise.reject(new ReadError('proof', 'mismatch', 'the values are not in the table'))
  render(<NodeContext value={node({ read, suspect })}><Channels /></NodeContext>)
  await screen.findByText('does not match')
  expect(suspect).toHaveBeenCalledWith(expect.objectContaining({ code: 'mismatch', message: 'the values are not in the table' }))
})

test('node that does not answer is not taken for one that lies', async () => {
  const suspect = vi.fn()
  const read = () => Promise.reject(new ReadError('node', 'unknown', 'gone'))
  render(<NodeContext value={node({ read, suspect })}><Channels /></NodeContext>)
  await screen.findByText('no answer')
  expect(suspect).not.toHaveBeenCalled()
})

test('answer that fails after others were proved is shown as such at once', async () => {
  const replies = [() => Promise.resolve(answer), () => Promise.reject(new ReadError('proof', 'stale', 'block 6'))]
  const value = node({ read: (() => replies.shift()?.()) as unknown as Prover['read'] })
  render(<NodeContext value={value}><Channels /></NodeContext>)
  await screen.findByRole('button', { name: 'proved at block 7' })
  act(() => value.answers.refresh())
  await screen.findByText('does not match')
  expect(screen.queryByText(/proved at block/)).toBeNull()
})

test('command is locked while an answer is not proved', async () => {
  const pay = vi.fn(() => Promise.resolve())
  const view = (more: Parameters<typeof node>[0]) => (
    <NodeContext value={node(more)}><Command label="Pay" act={pay} /></NodeContext>
  )
  const { rerender } = render(view({ distrust: new ReadError('proof', 'mismatch', 'does not match') }))
  expect((screen.getByRole('button') as HTMLButtonElement).disabled).toBe(true)
  expect(screen.getByText(/not proved/)).toBeTruthy()
  rerender(view({ alarm: 'this ledger is an older copy' }))
  expect((screen.getByRole('button') as HTMLButtonElement).disabled).toBe(true)
  expect(screen.getByText(/older copy/)).toBeTruthy()
  rerender(view({ connected: false }))
  expect((screen.getByRole('button') as HTMLButtonElement).disabled).toBe(true)
  rerender(view({}))
  fireEvent.click(screen.getByRole('button'))
  await waitFor(() => expect(pay).toHaveBeenCalledTimes(1))
})

test('key comes from the link once, and a later link does not replace it', () => {
  expect(pinnedKey()).toBeUndefined()
  location.hash = `#key=${KEY}`
  expect(pinnedKey()).toBe(KEY)
  location.hash = `#key=${'cd'.repeat(32)}`
  expect(pinnedKey()).toBe(KEY)
})

test('head that was seen is kept, and forgotten with the key it belongs to', () => {
  keepSeen({ height: 3, hash: KEY })
  expect(seenHead()).toEqual({ height: 3, hash: KEY })
  pin(KEY)
  expect(seenHead()).toBeUndefined()
})

test('events go on after the last one, and begin anew with another key', () => {
  expect(seenEvent()).toBe(0)
  keepEvent(7)
  keepEvent(3)
  expect(seenEvent()).toBe(7)
  localStorage.setItem('zarnitsa.seen-event', 'garbage')
  expect(seenEvent()).toBe(0)
  keepEvent(9)
  pin(KEY)
  expect(seenEvent()).toBe(0)
})

test('changed key is shown loudly with both keys', () => {
  const onPin = vi.fn()
  render(<PinKey known={KEY} shown={'cd'.repeat(32)} onPin={onPin} />)
  expect(screen.getByRole('alert').textContent).toContain('not the node')
  expect(screen.getByText(KEY)).toBeTruthy()
  fireEvent.click(screen.getByRole('button'))
  expect(onPin).toHaveBeenCalledWith('cd'.repeat(32))
})
