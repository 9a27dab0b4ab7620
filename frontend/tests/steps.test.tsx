/** A channel with a long history: only what is seen is drawn, and pages are proved as they come into sight. */

import type { HistoryEntry } from '@zarnitsa/light-client'
import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, expect, test } from 'vitest'

import { NodeContext } from '../src/node/context'
import type { Prover } from '../src/node/prover'
import { ChannelSteps } from '../src/parts/ChannelSteps'
import { Router } from '../src/router'
import { node } from './node'

const ID = '11'.repeat(32)
const LENGTH = 10_000
const PAGE = 1_000
const ROW = 34
/** More than a screen of them, and far from all. */
const MOST_DRAWN = 80

const block = { height: 7, hash: '01', stateHash: '02', time: new Date(0) }

afterEach(cleanup)

test('ten thousand steps are scrolled through with a screen of them in the page', async () => {
  const asked: number[] = []
  const read = ((name: string, id: string, from: number) => {
    expect([name, id]).toEqual(['history', ID])
    asked.push(from)
    const entries = Array.from({ length: PAGE }, (_, at) => ({
      kind: 'commitment',
      by: 'holder',
      localMsat: BigInt(from + at) * 1_000n + 500n,
      remoteMsat: 0n,
      amountMsat: 0n,
      height: BigInt(from + at + 1),
      txHash: '77'.repeat(32),
    })) as HistoryEntry[]
    return Promise.resolve({ value: { from, length: LENGTH, entries }, block, table: { name: 'lightning.channels', root: '03' } })
  }) as unknown as Prover['read']
  render(
    <NodeContext value={node({ read })}>
      <Router>
        <ChannelSteps channelId={ID} length={LENGTH} />
      </Router>
    </NodeContext>,
  )
  const list = screen.getByRole('list', { name: 'Every step' })
  expect((await screen.findAllByRole('listitem')).length).toBeLessThan(MOST_DRAWN)
  expect(asked).toEqual([0])

  for (const step of [995, 5_400, 9_990]) {
    list.scrollTop = step * ROW
    fireEvent.scroll(list)
    await screen.findByText(`${new Intl.NumberFormat('en').format(step)}.5`, { exact: false })
    const rows = screen.getAllByRole('listitem')
    expect(rows.length).toBeLessThan(MOST_DRAWN)
    expect(rows.some((row) => row.getAttribute('aria-posinset') === String(step + 1))).toBe(true)
  }
  // Each page once: the one at the seam with the page before it.
  expect([...new Set(asked)]).toEqual([0, 1_000, 5_000, 9_000])
  expect(asked.length).toBe(4)
})
