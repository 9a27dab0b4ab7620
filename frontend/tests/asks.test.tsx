/** Channels that are asked for: what is ordered, what is proved, what the hub's operator decides. */

import type { Ask as PeersAsk } from '@zarnitsa/light-client'
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react'
import type { ReactNode } from 'react'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import type { Ask } from '../src/node/api'
import { NodeContext } from '../src/node/context'
import type { Prover } from '../src/node/prover'
import { AskChannel } from '../src/parts/AskChannel'
import { AskPolicy } from '../src/parts/AskPolicy'
import { Asks } from '../src/parts/Asks'
import { Router } from '../src/router'
import { en } from '../src/text/en'
import { api, info, node } from './node'

const HUB = `03${'cd'.repeat(32)}`
const OWN = 'aa'.repeat(32)
const THEIRS = 'bb'.repeat(32)
const CHANNEL = 'cc'.repeat(32)
const block = { height: 7, hash: '01', stateHash: '02', time: new Date(0) }

const ask = (more: Partial<Ask>): Ask => ({
  ask_id: OWN,
  direction: 'outgoing',
  peer: HUB,
  amount_sat: 50_000,
  status: 'asked',
  channel_id: null,
  reason: null,
  created_at: 1_800_000_000,
  ...more,
})

function show(children: ReactNode, more: Parameters<typeof node>[0]): void {
  render(
    <NodeContext value={node(more)}>
      <Router>{children}</Router>
    </NodeContext>,
  )
}

const fill = (label: string | RegExp, value: string) => fireEvent.change(screen.getByLabelText(label), { target: { value } })
const press = (name: string | RegExp) => fireEvent.click(screen.getByRole('button', { name }))
const orders = () => vi.fn(() => Promise.resolve('')) as unknown as Prover['order'] & ReturnType<typeof vi.fn>
/** `order` is what the ledger has of an own order, `asks` what it has of peers. */
const reads = (order: unknown, asks: PeersAsk[] = []) =>
  ((name: string) =>
    Promise.resolve({ value: name === 'asks' ? { items: asks, complete: true } : order, block, table: { name, root: '' } })) as unknown as Prover['read']
const peersAsk = (more: Partial<PeersAsk>): PeersAsk => ({
  askId: THEIRS,
  peer: HUB,
  id: THEIRS,
  amountSat: 50_000n,
  status: 'asked',
  reason: '',
  receivedAt: new Date(0),
  attempts: 0,
  channelId: undefined,
  createdHeight: 3n,
  updatedHeight: 3n,
  ...more,
})

beforeEach(() => {
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) {
    this.open = true
  }
  HTMLDialogElement.prototype.close ??= function (this: HTMLDialogElement) {
    this.open = false
  }
})
afterEach(cleanup)

test('hub that one is connected to is asked for what one wants to receive', async () => {
  const order = orders()
  const onClose = vi.fn()
  show(<AskChannel onClose={onClose} />, { order, api: api({ peers: [{ node_id: HUB, address: null, connected: true, inbound: false, features: [] }] }) })
  await waitFor(() => expect((screen.getByLabelText(en.askWhom) as HTMLInputElement).value).toBe(HUB))
  press(en.askSend)
  await screen.findByText(en.amountWholeSat)
  fill(/How much/, '50000.5')
  press(en.askSend)
  await screen.findByText(en.amountWholeSat)
  expect(order).not.toHaveBeenCalled()
  fill(/How much/, '50 000')
  press(en.askSend)
  await waitFor(() => expect(onClose).toHaveBeenCalled())
  expect(order).toHaveBeenCalledWith('askChannel', { hub: HUB, address: undefined, amountSat: 50_000n })
  expect(location.pathname).toBe('/channels/asks')
})

test('own ask stands as the ledger proves it, whatever the node’s list says', async () => {
  const proved = { kind: 'ask_channel', status: 'failed', channelId: undefined, channels: [], ask: { hub: HUB, amountSat: 70_000n }, reason: 'the hub refused: ask\u202E later' }
  show(<Asks />, { read: reads(proved), api: api({ asks: [ask({ status: 'opened', amount_sat: 999 })] }) })
  await screen.findByText(en.askStates.refused)
  expect(screen.getByText(/70,000/)).toBeTruthy()
  expect(screen.queryByText(/999/)).toBeNull()
  expect(screen.getByText('the hub refused: ask later')).toBeTruthy()
  expect(screen.getByRole('button', { name: 'proved at block 7' })).toBeTruthy()
})

test('hub’s operator approves one ask and refuses another with a reason that fits', async () => {
  const order = orders()
  const asks = [peersAsk({}), peersAsk({ askId: OWN, status: 'opened', channelId: CHANNEL })]
  // What the node's own list says of them is not looked at.
  show(<Asks />, { order, read: reads(undefined, asks), info: { ...info, role: 'hub' }, api: api({ asks: [ask({ direction: 'incoming', amount_sat: 999 })] }) })
  await screen.findByText(en.askStates.asked)
  expect(screen.queryByText(/999/)).toBeNull()
  // What is over is not decided again.
  expect(screen.getAllByRole('button', { name: en.approve })).toHaveLength(1)
  expect(screen.getByRole('link', { name: en.toChannel }).getAttribute('href')).toBe(`/channels/${CHANNEL}`)
  press(en.approve)
  await waitFor(() => expect(order).toHaveBeenCalledWith('decideAsk', { askId: THEIRS, approve: true }))
  press(en.refuse)
  const dialog = screen.getByRole('dialog', { name: en.refuseTitle })
  fill(en.refuseReason, 'я'.repeat(101))
  fireEvent.submit(dialog.querySelector('form')!)
  await screen.findByText(en.refuseTooLong)
  fill(en.refuseReason, 'no coins today')
  fireEvent.submit(dialog.querySelector('form')!)
  await waitFor(() => expect(order).toHaveBeenLastCalledWith('decideAsk', { askId: THEIRS, approve: false, reason: 'no coins today' }))
})

test('hub without asks says so, and a user without any sees no list of peers', async () => {
  show(<Asks />, { read: reads(undefined), info: { ...info, role: 'hub' }, api: api({ asks: [] }) })
  await screen.findByText(en.asksNoneOfPeers)
  cleanup()
  show(<Asks />, { read: reads(undefined), api: api({ asks: [] }) })
  await screen.findByText(en.asksNone)
  expect(screen.queryByText(en.asksOfPeers)).toBeNull()
})

test('who may ask is saved whole, and a number that does not fit is not', async () => {
  const order = orders()
  const asks = { from: 1, approve: true, minSat: 20_000n, maxSat: 1_000_000n, maxOpen: 100, waitSeconds: 600, maxBatch: 10, expirySeconds: 86_400 }
  show(<AskPolicy asks={asks as Parameters<typeof AskPolicy>[0]['asks']} />, { order })
  fill(/Wait for others/, '4294967296')
  press(en.askSave)
  await screen.findByText(/fits/)
  fill(/Wait for others/, '60')
  fireEvent.click(screen.getByLabelText(en.askApprove))
  press(en.askSave)
  await waitFor(() => expect(order).toHaveBeenCalledWith('setPolicy', { asks: { ...asks, approve: false, waitSeconds: 60 } }))
})
