/** What is told of the ledger's records: sums, stories, files. */

import type { Forward, HistoryEntry, Invoice, Payment } from '@zarnitsa/light-client'
import { expect, test } from 'vitest'

import type { NetworkGraph } from '../src/node/api'
import { isOver } from '../src/parts/states'
import { activity } from '../src/story/activity'
import { balanceOverTime, moves, movesCsv } from '../src/story/balance'
import { closeReason } from '../src/story/reason'
import { en } from '../src/text/en'
import { ru } from '../src/text/ru'
import { story } from '../src/story/channel'
import { csvCell, csvTable } from '../src/story/csv'
import { forwardsCsv } from '../src/story/forwards'
import { layOut, nearest } from '../src/story/graph'

const A = 'aa'.repeat(32)
const B = 'bb'.repeat(32)

function entry(more: Partial<HistoryEntry>): HistoryEntry {
  return {
    kind: 'commitment',
    by: 'holder',
    state: 'normal',
    commitmentNumber: 0n,
    peerCommitmentNumber: 0n,
    localMsat: 0n,
    remoteMsat: 0n,
    amountMsat: 0n,
    htlcId: 0n,
    txid: undefined,
    note: '',
    txHash: '00'.repeat(32),
    height: 1n,
    ...more,
  }
}

const a = [
  entry({ kind: 'opening', localMsat: 1_000_000n, height: 1n }),
  entry({ kind: 'htlc_add', localMsat: 989_999n, height: 3n }),
  entry({ kind: 'commitment', localMsat: 989_999n, height: 4n }),
  entry({ kind: 'closing', state: 'closing', localMsat: 989_999n, height: 8n }),
]
const b = [
  entry({ kind: 'opening', localMsat: 0n, height: 2n }),
  entry({ kind: 'htlc_fulfill', localMsat: 5_001n, height: 5n }),
  entry({ kind: 'chain', state: 'closed', localMsat: 5_001n, height: 9n }),
]

test('moves of a balance add up to it, to the thousandth of a satoshi', () => {
  const found = moves([{ channelId: A, entries: a }, { channelId: B, entries: b }], isOver)
  expect(found.map(({ deltaMsat }) => deltaMsat)).toEqual([1_000_000n, -10_001n, 5_001n, -5_001n])
  expect(found.map(({ totalMsat }) => totalMsat)).toEqual([1_000_000n, 989_999n, 995_000n, 989_999n])
  const sum = found.reduce((total, { deltaMsat }) => total + deltaMsat, 0n)
  // What is in channels at the end: all of A's, and nothing of B's, which is closed.
  expect(sum).toBe(989_999n)
})

test('CSV of a balance reconciles line by line', () => {
  const found = moves([{ channelId: B, entries: b }, { channelId: A, entries: a }], isOver)
  const csv = movesCsv(found, (height) => (height === 1n ? new Date(0) : undefined))
  const [head, ...lines] = csv.trimEnd().split('\r\n')
  const columns = head!.split(',')
  const at = (line: string, name: string) => line.split(',')[columns.indexOf(name)]!
  let running = 0n
  for (const line of lines) {
    running += BigInt(at(line, 'change_msat'))
    expect(BigInt(at(line, 'balance_msat'))).toBe(running)
  }
  expect(running).toBe(989_999n)
  expect(at(lines[0]!, 'time')).toBe('1970-01-01T00:00:00.000Z')
})

test('balance over time has one point for each block', () => {
  const points = balanceOverTime([{ channelId: A, entries: a }, { channelId: B, entries: b }], isOver)
  expect(points.map(({ at }) => at)).toEqual([1, 2, 3, 4, 5, 8, 9])
  expect(points.at(-1)?.msat).toBe(989_999n)
  expect(balanceOverTime([], isOver)).toEqual([])
})

test('story of a channel puts payments together and leaves no step out', () => {
  const middle = [entry({ kind: 'htlc_add' }), entry({ kind: 'commitment' }), entry({ kind: 'htlc_fulfill', localMsat: 7n })]
  const steps = [entry({ kind: 'opening' }), entry({ kind: 'ready' }), ...middle, entry({ kind: 'closing', localMsat: 7n })]
  const chapters = story([{ from: 0, entries: steps }])
  expect(chapters.map(({ part }) => part)).toEqual(['step', 'step', 'payments', 'step'])
  expect(chapters[2]).toMatchObject({ from: 2, to: 4, count: 1, deltaMsat: 7n })
  // The same pages read twice tell it once; what was not read is a gap.
  const pages = [{ from: 0, entries: steps.slice(0, 2) }, { from: 4, entries: steps.slice(4) }]
  expect(story(pages).map(({ part }) => part)).toEqual(['step', 'step', 'gap', 'payments', 'step'])
  expect(story([...pages, ...pages])).toHaveLength(5)
})

test('payments and invoices are one list, and an invoice past its time is not called open', () => {
  const payment = { paymentHash: A, invoice: '', status: 'succeeded', amountMsat: 5n, feeMsat: 1n, updatedHeight: 4n } as Payment
  const invoice = { paymentHash: B, status: 'open', amountMsat: undefined, description: '', expiresAt: new Date(10), updatedHeight: 9n } as Invoice
  const [first, second] = activity([payment], [invoice], 11)
  expect(first).toMatchObject({ kind: 'received', status: 'expired', isDone: false })
  expect(second).toMatchObject({ kind: 'sent', isDone: true, feeMsat: 1n })
  expect(activity([], [invoice], 9)[0]?.status).toBe('open')
})

test('CSV of forwards begins with the oldest and sums what was earned', () => {
  const forward = (feeMsat: bigint, status: string, updatedHeight: bigint) =>
    ({ paymentHash: A, incomingChannelId: A, outgoingChannelId: B, incomingMsat: 10n + feeMsat, outgoingMsat: 10n, feeMsat, status, updatedHeight }) as Forward
  const csv = forwardsCsv([forward(3n, 'succeeded', 9n), forward(5n, 'failed', 8n), forward(2n, 'succeeded', 7n)], () => undefined)
  const rows = csv.trimEnd().split('\r\n').slice(1).map((row) => row.split(','))
  expect(rows.map((row) => row.at(-2))).toEqual(['2', '5', '3'])
  expect(rows.map((row) => row.at(-1))).toEqual(['2', '2', '5'])
})

test('cell that a spreadsheet would take for a formula is made harmless', () => {
  expect(csvCell('=HYPERLINK("http://evil")')).toBe(`"'=HYPERLINK(""http://evil"")"`)
  expect(csvCell('a,b\n"c"')).toBe('"a,b\n""c"""')
  expect(csvCell(-5n)).toBe('-5')
  expect(csvTable(['x'], [['y'], [1]])).toBe('x\r\ny\r\n1\r\n')
})

const graph = (size: number): NetworkGraph => ({
  nodes: Array.from({ length: size }, (_, at) => ({ node_id: `n${at}`, alias: '', addresses: [], channels: 2 })),
  channels: Array.from({ length: size - 1 }, (_, at) => ({
    short_channel_id: `${at}`,
    node_1: `n${at}`,
    node_2: `n${at + 1}`,
    capacity_sat: 1,
  })),
})

test('picture of the network holds the nearest nodes, and always the same way', () => {
  const near = nearest(graph(50), 'n10', 5)
  expect(near.nodes.map(({ node_id }) => node_id)).toEqual(['n8', 'n9', 'n10', 'n11', 'n12'])
  expect(near.channels).toHaveLength(4)
  const spots = layOut(near.nodes, near.channels, 100, 100)
  expect(layOut(near.nodes, near.channels, 100, 100)).toEqual(spots)
  for (const { x, y } of spots.values()) {
    expect(x).toBeGreaterThanOrEqual(0)
    expect(y).toBeLessThanOrEqual(100)
  }
  // This node alone, and not in the graph at all.
  expect(nearest(graph(3), 'stranger', 9).nodes).toHaveLength(3)
  expect(layOut([], [], 100, 100).size).toBe(0)
})

test('reason of a close is told in the page’s language, and one that is not known as it stands', () => {
  const reasons: [note: string, english: string, russian: string][] = [
    ['the operator ordered it', 'the operator ordered it', 'так распорядился оператор'],
    ['the peer sent an error: no', 'the peer sent an error: no', 'сосед прислал ошибку: no'],
    [
      'HTLC 4 of ours expired at height 200 and the peer has not removed it',
      'a payment that was going out expired at block 200, and the peer did not take it out',
      'срок исходящего платежа истёк в блоке 200, а сосед его не убрал',
    ],
    [
      "HTLC 0 of the peer's, whose preimage we gave, is not settled and expires at height 7",
      'a payment that came in expires at block 7, and the peer did not settle it',
      'срок входящего платежа истекает в блоке 7, а сосед его не завершил',
    ],
    ['a cat sat on it', 'a cat sat on it', 'a cat sat on it'],
  ]
  for (const [note, english, russian] of reasons) {
    expect(closeReason(en, note)).toBe(english)
    expect(closeReason(ru, note)).toBe(russian)
  }
})
