/** What a person orders, up to the signature: what is shown before, what is asked, what is refused. */

import type { Channel, HistoryEntry, Invoice } from '@zarnitsa/light-client'
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react'
import type { ReactNode } from 'react'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { NodeContext, type NodeState } from '../src/node/context'
import type { Prover } from '../src/node/prover'
import { CancelledError } from '../src/node/signer'
import { ReadError } from '../src/node/prover'
import { CloseChannel } from '../src/parts/CloseChannel'
import { HeldInvoice } from '../src/parts/HeldInvoice'
import { BringKey, KeyDialog } from '../src/parts/KeyDialog'
import { OpenBatch } from '../src/parts/OpenBatch'
import { OpenChannel } from '../src/parts/OpenChannel'
import { WhyBalance } from '../src/parts/WhyBalance'
import { Pay } from '../src/pages/Pay'
import { Receive } from '../src/pages/Receive'
import { Router } from '../src/router'
import { api, info, node, signer } from './node'

const PEER = `03${'cd'.repeat(32)}`
/** BOLT 11's own example, for the network of its prefix. */
const COFFEE =
  'lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh'

const block = { height: 7, hash: '01', stateHash: '02', time: new Date(0) }
const channel = {
  channelId: '11'.repeat(32),
  state: 'normal',
  capacitySat: 1_000n,
  localMsat: 600_000n,
  remoteMsat: 400_000n,
  offeredMsat: 0n,
  receivedMsat: 0n,
} as Channel
const policy = { maxToSelfDelay: 2_016, minChannelSat: 1n, maxChannelSat: 10n }

const answers: Record<string, unknown> = { channels: [channel], payment: undefined, policy }
const read = ((name: string) =>
  Promise.resolve({ value: answers[name], block, table: { name, root: '' } })) as unknown as Prover['read']

const plain = api({ info, balance: { onchain_sat: 90_000 }, fees: { minimum_sat_vb: 1, slow_sat_vb: 2, normal_sat_vb: 3, fast_sat_vb: 9 } })

function show(children: ReactNode, more: Parameters<typeof node>[0] = {}): NodeState {
  const state = node({ read, api: plain, ...more })
  render(
    <NodeContext value={state}>
      <Router>{children}</Router>
    </NodeContext>,
  )
  return state
}

const fill = (label: string | RegExp, value: string) => fireEvent.change(screen.getByLabelText(label), { target: { value } })
const press = (name: string | RegExp) => fireEvent.click(screen.getByRole('button', { name }))
const orders = (answer: unknown = undefined) => vi.fn(() => Promise.resolve(answer)) as unknown as Prover['order'] & ReturnType<typeof vi.fn>

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2017-06-01T10:58:00Z') })
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) {
    this.open = true
  }
  HTMLDialogElement.prototype.close ??= function (this: HTMLDialogElement) {
    this.open = false
  }
})
afterEach(() => {
  cleanup()
  vi.useRealTimers()
})

test('invoice is shown before it is paid, and paid as it was read', async () => {
  const order = orders({ paymentHash: 'ab'.repeat(32) })
  show(<Pay />, { order, info: { ...info, network: 'bitcoin' } })
  fill(/What do you want to pay/, ` lightning:${COFFEE.toUpperCase()} `)
  expect(screen.getByText('1 cup coffee')).toBeTruthy()
  expect(screen.getByText(/250,000/)).toBeTruthy()
  await screen.findByText(/hold less than that/)
  expect((screen.getByRole('button', { name: 'Pay' }) as HTMLButtonElement).disabled).toBe(true)
  expect(order).not.toHaveBeenCalled()

  cleanup()
  answers.channels = [{ ...channel, localMsat: 900_000_000_000n }]
  show(<Pay />, { order, info: { ...info, network: 'bitcoin' } })
  fill(/What do you want to pay/, COFFEE)
  await screen.findByText('never')
  press('Pay')
  await waitFor(() => expect(order).toHaveBeenCalledWith('pay', { invoice: COFFEE, amountMsat: undefined, maxFeeMsat: undefined }))
  answers.channels = [channel]
})

test('invoice of another network, of this node or past its time cannot be paid', async () => {
  show(<Pay />)
  fill(/What do you want to pay/, COFFEE)
  expect(screen.getByText(/for bitcoin, this node is not/)).toBeTruthy()
  cleanup()
  vi.setSystemTime(new Date('2018-01-01'))
  show(<Pay />, { info: { ...info, network: 'bitcoin' } })
  fill(/What do you want to pay/, COFFEE)
  expect(screen.getByText(/has expired/)).toBeTruthy()
})

test('what cannot be paid says why, and a node is offered a channel', () => {
  show(<Pay />)
  fill(/What do you want to pay/, 'lno1qq')
  expect(screen.getByText(/This offer cannot be paid/)).toBeTruthy()
  fill(/What do you want to pay/, 'nonsense')
  expect(screen.getByText('This is no invoice, offer, address or node.')).toBeTruthy()
  fill(/What do you want to pay/, `${PEER}@host:9735`)
  press('Open a channel')
  expect((screen.getByLabelText('Node') as HTMLInputElement).value).toBe(`${PEER}@host:9735`)
})

test('node that asked for nothing is paid what was typed, and this node itself is not', async () => {
  const order = orders({ paymentHash: 'ab'.repeat(32) })
  show(<Pay />, { order })
  fill(/What do you want to pay/, PEER)
  const send = () => screen.getByRole('button', { name: 'Send without an invoice' }) as HTMLButtonElement
  expect(send().disabled).toBe(true)
  fill('Amount, sat', 'a lot')
  fireEvent.click(send())
  await screen.findByText(/Write an amount/)
  expect(order).not.toHaveBeenCalled()
  fill('Amount, sat', '21.5')
  fill(/The most to pay as fee/, '3')
  fireEvent.click(send())
  await waitFor(() => expect(order).toHaveBeenCalledExactlyOnceWith('keysend', { payee: PEER, amountMsat: 21_500n, maxFeeMsat: 3_000n }))
  cleanup()
  show(<Pay />, { order })
  fill(/What do you want to pay/, info.node_id)
  fill('Amount, sat', '21')
  expect(screen.getByText('This node is your own.')).toBeTruthy()
  expect(send().disabled).toBe(true)
})

test('several channels are opened by one order, and a table that makes no sense is not ordered', async () => {
  const order = orders(['aa'.repeat(32), 'bb'.repeat(32)])
  const onClose = vi.fn()
  show(<OpenBatch onClose={onClose} />, { order })
  fill('Node 1', `${PEER}@127.0.0.1:9735`)
  fill('Amount 1, sat', '20000')
  press('Open 2 channels')
  await screen.findByText(/^2\. .*pubkey@host:port/)
  fill('Node 2', PEER)
  fill('Amount 2, sat', '0.5')
  press('Open 2 channels')
  await screen.findByText(/^2\. .*whole satoshis/)
  fill('Amount 2, sat', '80000')
  await screen.findByText(/more than the wallet holds/)
  press('Open 2 channels')
  await screen.findByText('A peer stands there twice.')
  press('One more')
  press('Take out number 3')
  const other = `02${'ee'.repeat(32)}`
  fill('Node 2', other)
  fill('Amount 2, sat', '30000')
  expect(screen.getByText(/^Sum:/).textContent).toMatch(/50,000/)
  fireEvent.click(screen.getByLabelText(/Tell the network/))
  fireEvent.click(screen.getByLabelText('Soon'))
  expect(order).not.toHaveBeenCalled()
  press('Open 2 channels')
  await waitFor(() => expect(onClose).toHaveBeenCalled())
  expect(order).toHaveBeenCalledExactlyOnceWith('openBatch', {
    channels: [
      { peer: PEER, address: '127.0.0.1:9735', amountSat: 20_000n, announce: true },
      { peer: other, address: undefined, amountSat: 30_000n, announce: true },
    ],
    feeRateSatVb: 9,
  })
})

test('invoice that holds what is paid is ordered as such, with a hash of the person’s own where one is given', async () => {
  const order = orders()
  show(<Receive />, { order })
  fireEvent.click(screen.getByLabelText(/Hold what is paid/))
  fill('Payment hash of your own', 'abc')
  press('Create the invoice')
  await screen.findByText(/64 hex digits\.$/)
  expect(order).not.toHaveBeenCalled()
  fill('Payment hash of your own', 'AB'.repeat(32))
  press('Create the invoice')
  const asked = { amountMsat: undefined, description: '', expirySeconds: 3_600, hold: true, paymentHash: 'ab'.repeat(32) }
  await waitFor(() => expect(order).toHaveBeenCalledExactlyOnceWith('createInvoice', asked))
})

test('what is held is settled or given back, and a reader settles only with the secret at hand', async () => {
  const order = orders()
  const held = { paymentHash: '66'.repeat(32), receivedMsat: 5_000n, hold: true, status: 'accepted' } as Invoice
  show(<HeldInvoice invoice={held} />, { order })
  press('Settle')
  await waitFor(() => expect(order).toHaveBeenLastCalledWith('settleInvoice', { paymentHash: held.paymentHash, preimage: undefined }))
  press('Give it back')
  await waitFor(() => expect(order).toHaveBeenLastCalledWith('cancelInvoice', held.paymentHash))
  cleanup()
  show(<HeldInvoice invoice={held} />, { order, mayCommand: false })
  const settle = screen.getByRole('button', { name: 'Settle' }) as HTMLButtonElement
  expect(settle.disabled).toBe(true)
  fill(/preimage/, 'nonsense')
  press('Settle')
  await screen.findByText(/A preimage has/)
  fill(/preimage/, '07'.repeat(32))
  press('Settle')
  await waitFor(() => expect(order).toHaveBeenLastCalledWith('settleInvoice', { paymentHash: held.paymentHash, preimage: '07'.repeat(32) }))
})

test('coins are not sent to another network, nor by a session that may only read', async () => {
  show(<Pay />, { mayCommand: false })
  fill(/What do you want to pay/, 'bitcoin:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4?amount=0.001')
  expect(screen.getByText(/of another network/)).toBeTruthy()
  expect(screen.getByText(/may only read/)).toBeTruthy()
  expect((screen.getByLabelText('Amount, sat') as HTMLInputElement).value).toBe('100000')
  expect((screen.getByRole('button', { name: 'Send coins' }) as HTMLButtonElement).disabled).toBe(true)
})

test('channel is opened with what was chosen, and nothing that makes no sense is ordered', async () => {
  const order = orders('aa'.repeat(32))
  const onClose = vi.fn()
  show(<OpenChannel onClose={onClose} />, { order })
  press('Open it')
  await screen.findByText(/pubkey@host:port/)
  fill('Node', `${PEER}@127.0.0.1:9735`)
  fill('Amount, sat', '1000.5')
  press('Open it')
  await screen.findByText(/whole satoshis/)
  fill('Amount, sat', '50 000')
  fill(/Given to the peer/, '60000')
  press('Open it')
  await screen.findByText(/less than the channel/)
  fill(/Given to the peer/, '1.001')
  fireEvent.click(screen.getByLabelText('Own'))
  fill('sat/vB', '0')
  press('Open it')
  await screen.findAllByText(/no fee rate/)
  expect(order).not.toHaveBeenCalled()
  fill('sat/vB', '7')
  press('Open it')
  await waitFor(() => expect(onClose).toHaveBeenCalled())
  expect(order).toHaveBeenCalledExactlyOnceWith('openChannel', {
    peer: PEER,
    address: '127.0.0.1:9735',
    amountSat: 50_000n,
    pushMsat: 1_001n,
    feeRateSatVb: 7,
    announce: false,
  })
})

test('channel is closed without the peer only by somebody who says that it is understood', async () => {
  const order = orders()
  show(<CloseChannel channel={{ ...channel, offeredMsat: 5_000n }} now={undefined} onClose={vi.fn()} />, { order })
  expect(screen.getByText(/still under way/)).toBeTruthy()
  fireEvent.click(screen.getByLabelText('Force close'))
  await screen.findByText(/2016 blocks, about 14 days/)
  const close = screen.getByRole('button', { name: 'Force close' }) as HTMLButtonElement
  expect(close.disabled).toBe(true)
  fireEvent.click(screen.getByLabelText(/I understand/))
  fireEvent.click(close)
  await waitFor(() =>
    expect(order).toHaveBeenCalledWith('closeChannel', { channelId: channel.channelId, force: true, feeRateSatVb: undefined }),
  )
})

test('order waits for the key, and is not given when the person goes away', async () => {
  const order = orders()
  const ready = vi.fn(() => Promise.reject(new CancelledError()))
  show(<Receive />, { order, signer: signer({ state: 'locked', ready }) })
  press('Create the invoice')
  await waitFor(() => expect(ready).toHaveBeenCalled())
  expect(order).not.toHaveBeenCalled()
  expect(screen.queryByRole('alert')).toBeNull()
})

test('order whose outcome is not proved makes the node distrusted', async () => {
  const suspect = vi.fn()
  const order = vi.fn(() => Promise.reject(new ReadError('proof', 'mismatch', 'another invoice'))) as unknown as Prover['order']
  show(<Receive />, { order, suspect })
  press('Create the invoice')
  await screen.findByText('another invoice')
  expect(suspect).toHaveBeenCalledWith(expect.objectContaining({ code: 'mismatch', message: 'another invoice' }))
})

test('key that is none, or under a passphrase too short or mistyped, is not kept', async () => {
  const bring = vi.fn(() => Promise.resolve())
  show(<BringKey />, { signer: signer({ state: 'none', bring }) })
  press('Keep the key')
  await screen.findByText(/no operator’s key/)
  fill('Contents of operator.key', '0a'.repeat(32))
  fill('New passphrase', 'short')
  press('Keep the key')
  await screen.findByText(/8 characters/)
  fill('New passphrase', 'long enough')
  press('Keep the key')
  await screen.findByText(/differ/)
  expect(bring).not.toHaveBeenCalled()
  fill('Once more', 'long enough')
  press('Keep the key')
  await waitFor(() => expect(bring).toHaveBeenCalledWith(new Uint8Array(32).fill(10), 'long enough'))
})

test('wrong passphrase is told, and the dialog stays', async () => {
  show(<KeyDialog />, { signer: signer({ state: 'locked', asking: true, unlock: () => Promise.resolve(false) }) })
  fill('Passphrase', 'wrong')
  press('Unlock')
  await screen.findByText('This is not the passphrase.')
})

test('balance tells the steps that sum to it', async () => {
  const step = (kind: string, localMsat: bigint): HistoryEntry => ({ kind, by: 'holder', state: 'normal', localMsat, height: 3n, txHash: '77'.repeat(32) }) as HistoryEntry
  answers.history = { from: 0, length: 3, entries: [step('opening', 900_001n), step('commitment', 900_001n), step('commitment', 600_000n)] }
  show(<WhyBalance channels={[channel]}>600</WhyBalance>)
  press('600')
  await screen.findByText(/payment out/)
  expect(screen.getByText('−300.001')).toBeTruthy()
  expect(screen.getByText(/^Sum:/).textContent).toMatch(/600/)
})
