/** What goes wrong, in both languages: by its kind and code, with the node's words beneath. */

import { NodeError } from '@zarnitsa/light-client/page'
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { NodeContext } from '../src/node/context'
import { ReadError } from '../src/node/prover'
import { Alarms } from '../src/parts/Alarm'
import { Awaited } from '../src/parts/Awaited'
import { Command } from '../src/parts/Command'
import { Tower, TowerFact } from '../src/parts/Tower'
import { Router } from '../src/router'
import { troubleOf } from '../src/story/trouble'
import { TextProvider } from '../src/text'
import { en } from '../src/text/en'
import { ru } from '../src/text/ru'
import { api, node } from './node'

beforeEach(() => localStorage.clear())
afterEach(cleanup)

test('every code of the node’s has words in both languages', () => {
  // The node's own list, where the interface is defined.
  const rust = readFileSync('../node/src/api/error.rs', 'utf8')
  const codes = [...rust.matchAll(/Self::\w+ => "([a-z_]+)"/g)].map(([, code]) => code!)
  expect(codes.length).toBeGreaterThan(15)
  for (const t of [en, ru]) expect(Object.keys(t.nodeErrors).sort()).toEqual([...codes, 'unreachable'].sort())
})

test('node’s refusal is told in the page’s language, with the node’s words beneath', () => {
  const refusal = new NodeError(422, 'insufficient_funds', 'the wallet holds 5 sat')
  expect(troubleOf(ru, refusal)).toEqual({ words: 'Для этого не хватает средств.', detail: 'the wallet holds 5 sat' })
  expect(troubleOf(ru, new ReadError('node', 'peer_unreachable', 'no route to host')).words).toBe(ru.nodeErrors.peer_unreachable)
  expect(troubleOf(ru, new ReadError('refused', 'pending', 'not known yet')).words).toBe(ru.orderErrors.pending)
  expect(troubleOf(ru, new ReadError('refused', 'refused', 'the channel is closed')).words).toBe(ru.nodeErrors.refused)
  expect(troubleOf(ru, new ReadError('proof', 'stale', 'block 6')).words).toBe(ru.proofErrors.stale)
})

test('code that is not known, and one that every object has, keep the node’s words', () => {
  for (const code of ['brand_new', 'constructor']) {
    expect(troubleOf(ru, new NodeError(400, code, 'as it says\u202E'))).toEqual({ words: ru.unexpected, detail: 'as it says ' })
  }
  expect(troubleOf(ru, new Error(ru.amountWrong))).toEqual({ words: ru.amountWrong, detail: undefined })
})

test('failed order is told on a Russian page in Russian', async () => {
  localStorage.setItem('zarnitsa.language', 'ru')
  const act = () => Promise.reject(new ReadError('node', 'ledger_old', 'this ledger is an older copy'))
  render(
    <TextProvider>
      <NodeContext value={node()}>
        <Command label="Pay" act={act} />
      </NodeContext>
    </TextProvider>,
  )
  fireEvent.click(screen.getByRole('button'))
  const alert = await screen.findByRole('alert')
  expect(alert.textContent).toContain(ru.nodeErrors.ledger_old)
  expect(alert.querySelector('[lang=en]')?.textContent).toBe('this ledger is an older copy')
})

test('older ledger is told loudly, with what to do and what the node says', () => {
  const { rerender } = render(<NodeContext value={node()}><Router><Alarms /></Router></NodeContext>)
  expect(screen.queryByRole('alert')).toBeNull()
  rerender(<NodeContext value={node({ alarm: 'the file `head` knows block 9' })}><Router><Alarms /></Router></NodeContext>)
  const alert = screen.getByRole('alert')
  expect(alert.textContent).toContain(en.alarmTitle)
  for (const step of en.alarmSteps) expect(alert.textContent).toContain(step)
  expect(alert.textContent).toContain('the file `head` knows block 9')
})

const ID = '11'.repeat(32)

function Both() {
  return (
    <Router>
      <Tower />
      <dl>
        <TowerFact channelId={ID} />
      </dl>
    </Router>
  )
}

test('watchtower that has all states, lacks some or differs is told so, channel by channel', async () => {
  const state = (revoked: number, tower: number, complete: boolean, error?: string) =>
    api({ tower: [{ channel_id: ID, revoked_states: revoked, tower_states: tower, complete, error }] })
  const { unmount } = render(<NodeContext value={node({ api: state(1_200, 1_200, true) })}><Both /></NodeContext>)
  expect(await screen.findAllByText('has all states up to 1,200')).toHaveLength(2)
  expect(screen.getByText(en.towerComplete)).toBeTruthy()
  unmount()
  const lacking = render(<NodeContext value={node({ api: state(1_200, 1_190, false) })}><Both /></NodeContext>)
  expect(await screen.findAllByText('lacks 10')).toHaveLength(2)
  expect(screen.getByText(en.towerIncomplete)).toBeTruthy()
  lacking.unmount()
  const differing = render(<NodeContext value={node({ api: state(1_200, 1_200, false) })}><Both /></NodeContext>)
  expect(await screen.findAllByText(en.towerDiffers)).toHaveLength(2)
  differing.unmount()
  render(<NodeContext value={node({ api: state(0, 0, false, 'the tower has other states') })}><Both /></NodeContext>)
  expect(await screen.findAllByText(en.towerUnchecked)).toHaveLength(2)
  expect(screen.getAllByText('the tower has other states')).toHaveLength(2)
})

test('node without a watchtower says how to have one, and one that is away is told so', async () => {
  const failing = (error: Error) => {
    const made = api()
    made.tower = () => Promise.reject(error)
    return made
  }
  const { unmount } = render(<NodeContext value={node({ api: failing(new NodeError(404, 'not_found', 'no watchtower is set')) })}><Both /></NodeContext>)
  await screen.findByText(en.towerNone)
  expect(screen.getByText('[watchtower]')).toBeTruthy()
  unmount()
  render(<NodeContext value={node({ api: failing(new NodeError(502, 'peer_unreachable', 'connection refused')) })}><Both /></NodeContext>)
  await screen.findByText(en.towerAway)
  await waitFor(() => expect(screen.getByText('connection refused')).toBeTruthy())
})

test('what is not proved is not shown, and says so where it would stand; what is on its way says that', () => {
  const { rerender, container } = render(<Awaited proof={{ state: 'checking', answer: undefined }} />)
  expect(container.textContent).toBe('checking…')
  rerender(<Awaited proof={{ state: 'refuted', answer: undefined, error: new ReadError('proof', 'mismatch', 'x') }} />)
  expect(container.textContent).toBe(en.notShown)
  rerender(<Awaited proof={{ state: 'unavailable', answer: undefined, error: new ReadError('node', 'unreachable', 'gone') }} />)
  expect(container.textContent).toContain(en.nodeErrors.unreachable)
  rerender(<Awaited proof={{ state: 'unavailable', answer: 1, error: undefined }} />)
  expect(container.textContent).toBe('')
})
