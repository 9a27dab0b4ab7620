/** Every page, as it looks with some channels and payments, to eyes and to a screen reader. */

import type { Channel, HistoryEntry, Invoice, Payment } from '@zarnitsa/light-client'
import { cleanup, render, screen } from '@testing-library/react'
import axe from 'axe-core'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { NodeContext, type NodeState } from '../src/node/context'
import type { Prover } from '../src/node/prover'
import { Shell } from '../src/parts/Shell'
import { Router } from '../src/router'
import { SettingsProvider } from '../src/settings'
import { TextProvider } from '../src/text'
import { api, info, node, NODE_ID } from './node'

const ID = '11'.repeat(32)
const HASH = '22'.repeat(32)
const block = { height: 7, hash: '01'.repeat(32), prevHash: '02'.repeat(32), stateHash: '03'.repeat(32), txHash: '04'.repeat(32), errorHash: '05'.repeat(32), txCount: 1, time: new Date(1_800_000_000_000) }

const channel: Channel = {
  channelId: ID,
  peer: `03${'cd'.repeat(32)}`,
  state: 'normal',
  opener: 'local',
  format: 'anchors',
  announced: false,
  capacitySat: 1_000_000n,
  localMsat: 600_000_001n,
  remoteMsat: 390_000_000n,
  offeredMsat: 9_999_999n,
  receivedMsat: 0n,
  commitmentNumber: 3n,
  peerCommitmentNumber: 3n,
  openingTxid: '33'.repeat(32),
  openingOutput: 0,
  shortChannelId: '110x1x0',
  closingTxid: undefined,
  openedHeight: 2n,
  updatedHeight: 7n,
  historyHash: '44'.repeat(32),
  historyLength: 2n,
}

const payment: Payment = {
  paymentHash: HASH,
  payee: channel.peer,
  amountMsat: 1_500_001n,
  feeMsat: 2n,
  invoice: '',
  status: 'succeeded',
  preimage: '55'.repeat(32),
  failure: undefined,
  maxFeeMsat: 5_000n,
  attempt: 1,
  createdHeight: 5n,
  updatedHeight: 6n,
}

const invoice: Invoice = {
  paymentHash: '66'.repeat(32),
  amountMsat: 2_000n,
  description: 'tea\u202E for two',
  createdAt: new Date(1_800_000_000_000),
  expiresAt: new Date(4_000_000_000_000),
  invoice: 'lnbcrt1',
  status: 'open',
  receivedMsat: 0n,
  preimage: undefined,
  hold: false,
  keysend: false,
  createdHeight: 5n,
  updatedHeight: 5n,
}

const step = (kind: string, localMsat: bigint): HistoryEntry => ({
  kind,
  by: 'holder',
  state: 'normal',
  commitmentNumber: 1n,
  peerCommitmentNumber: 1n,
  localMsat,
  remoteMsat: 0n,
  amountMsat: 0n,
  htlcId: 0n,
  txid: undefined,
  note: '',
  txHash: '77'.repeat(32),
  height: 3n,
})

const ANSWERS: Record<string, unknown> = {
  channels: [channel],
  channel,
  history: { from: 0, length: 2, entries: [step('opening', 1_000_000_000n), step('htlc_add', 600_000_001n)] },
  payments: { items: [payment], complete: true },
  payment,
  invoices: { items: [invoice], complete: true },
  invoice,
  forwards: { items: [{ paymentHash: HASH, incomingChannelId: ID, outgoingChannelId: ID, incomingMsat: 1_001n, outgoingMsat: 1_000n, feeMsat: 1n, status: 'succeeded', createdHeight: 5n, updatedHeight: 6n }], complete: true },
  config: { operatorKey: 'ef'.repeat(32), nodeKey: 'ee'.repeat(32), nodeId: NODE_ID, network: 'regtest' },
  policy: {
    acceptFrom: 1, acceptedPeers: [], minChannelSat: 20_000n, maxChannelSat: 16_777_215n, maxChannels: 10, maxChannelsPerPeer: 2,
    minimumDepth: 3, toSelfDelay: 144, htlcMinimumMsat: 1n, maxAcceptedHtlcs: 50, maxInFlightPercent: 50, maxToSelfDelay: 2_016,
    minFeeratePerKw: 253, maxFeeratePerKw: 100_000, maxDustExposureMsat: 5_000_000n, baseFeeMsat: 1_001n, feePpm: 100, cltvDelta: 40,
    maxDustLimitSat: 600n, maxReservePercent: 5, minInFlightMsat: 1n, maxHtlcMinimumMsat: 1_000n, minAcceptedHtlcs: 1,
    maxMinimumDepth: 12, acceptZeroConf: false, forward: true, acceptKeysend: false, minClosingFeeratePerKw: 253,
  },
}

const LOOKUPS: Record<string, unknown> = {
  block: { block, transactions: ['77'.repeat(32)] },
  blocks: [block],
  transaction: {
    transaction: { hash: '77'.repeat(32), author: 'ef'.repeat(32), method: 'closing', argument: [{ name: 'force_close', value: [{ name: 'text', value: 'the peer is gone' }] }] },
    position: 0,
    block,
    succeeded: true,
    refusal: '',
  },
}

const read = ((name: string) =>
  Promise.resolve(LOOKUPS[name] ?? { value: ANSWERS[name], block, table: { name: `lightning.${name}`, root: '08'.repeat(32) } })) as Prover['read']

const plain = api({
  info,
  balance: { onchain_sat: 5_000_000, onchain_unconfirmed_sat: 1, onchain_reserve_sat: 0, pending_close_sat: 20 },
  channels: [{ channel_id: ID, state: 'normal', spendable_msat: '1000', receivable_msat: '2000', htlcs: [{ id: 1, direction: 'outgoing', amount_msat: '9999999', payment_hash: HASH, cltv_expiry: 200, state: 'committed' }], closing: null }],
  payments: [{ payment_hash: HASH, status: 'succeeded', description: '', route: [{ node_id: channel.peer, short_channel_id: null, amount_msat: '1500001' }], created_at: 1 }],
  policy: { channels: [] },
  peers: [{ node_id: channel.peer, address: '127.0.0.1:9735', connected: true, inbound: false, features: ['option_anchors'] }],
  wallet: { onchain_sat: 5, onchain_unconfirmed_sat: 0, onchain_reserve_sat: 0, utxos: [{ txid: HASH, vout: 0, amount_sat: 5, address: 'bcrt1q', confirmations: 0 }], transactions: [{ txid: HASH, amount_sat: -5, fee_sat: 1, block_height: null, confirmations: 0 }] },
  fees: { minimum_sat_vb: 1, slow_sat_vb: 1, normal_sat_vb: 2, fast_sat_vb: 3 },
  log: { lines: ['2026 INFO zarnitsa: up', '2026 WARN zarnitsa: \u202Ewatch'] },
  network: { nodes: [{ node_id: NODE_ID, alias: 'alice', addresses: [], channels: 1 }, { node_id: channel.peer, alias: 'hub\u202E', addresses: ['h:1'], channels: 1 }], channels: [{ short_channel_id: '1x1x1', node_1: NODE_ID, node_2: channel.peer, capacity_sat: 5 }] },
})

function show(path: string, more: Partial<NodeState> = {}) {
  history.replaceState(null, '', path)
  return render(
    <TextProvider>
      <SettingsProvider>
        <NodeContext value={node({ read, api: plain, ...more })}>
          <Router>
            <Shell />
          </Router>
        </NodeContext>
      </SettingsProvider>
    </TextProvider>,
  )
}

beforeEach(() => localStorage.clear())
afterEach(cleanup)

const PAGES: [path: string, title: RegExp, shown: RegExp][] = [
  ['/', /Home/, /All your bitcoin/],
  ['/channels', /Channels/, /600,000\.001/],
  [`/channels/${ID}`, /110x1x0/, /What happened/],
  ['/pay', /Pay/, /What do you want to pay/],
  ['/receive', /Receive/, /What for/],
  ['/payments', /Payments/, /tea {1,2}for two/],
  [`/payments/sent/${HASH}`, /Sent/, /Save the receipt/],
  [`/payments/received/${'66'.repeat(32)}`, /Received/, /Withdraw the invoice/],
  ['/wallet', /Wallet/, /Send coins/],
  ['/forwards', /Forwards/, /Earned/],
  ['/peers', /Peers/, /127\.0\.0\.1:9735/],
  ['/network', /Network/, /2 nodes/],
  ['/ledger', /Ledger/, /Blocks are signed by/],
  ['/ledger/blocks/7', /Block 7/, /signed, and complete/],
  [`/ledger/transactions/${'77'.repeat(32)}`, /Closing/, /the peer is gone/],
  ['/policy', /Policy/, /Base fee/],
  ['/logs', /Log/, /zarnitsa: up/],
  ['/settings', /Settings/, /Appearance/],
]

test.each(PAGES)('%s shows what it is for, and nothing in it stops a screen reader', async (path, title, shown) => {
  const { container } = show(path)
  await screen.findAllByText(shown)
  expect(screen.getByRole('heading', { level: 1 }).textContent).toMatch(title)
  expect(container.textContent).not.toContain('\u202E')
  // Colours are looked at where there are some: in a browser.
  const { violations } = await axe.run(container, { rules: { 'color-contrast': { enabled: false }, region: { enabled: false } } })
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`)).toEqual([])
})

test('page is in Russian when that is chosen, down to its states', async () => {
  localStorage.setItem('zarnitsa.language', 'ru')
  show('/channels')
  await screen.findByText('открыт')
  expect(screen.getByRole('heading', { level: 1 }).textContent).toBe('Каналы')
  expect(document.documentElement.lang).toBe('ru')
})

test('amounts are in bitcoin when that is chosen', async () => {
  localStorage.setItem('zarnitsa.unit', 'btc')
  show('/channels')
  await screen.findByText(/0\.00600000001/)
})
