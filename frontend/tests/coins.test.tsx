/** Coins that are sent on chain, and those that stay to pay for closing channels. */

import { NodeError } from '@zarnitsa/light-client/page'
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react'
import { afterEach, expect, test, vi } from 'vitest'

import { NodeContext } from '../src/node/context'
import type { Api } from '../src/node/api'
import { SendCoins } from '../src/parts/SendCoins'
import { api, info, node } from './node'

const ADDRESS = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080'
const fees = { minimum_sat_vb: 1, slow_sat_vb: 2, normal_sat_vb: 3, fast_sat_vb: 9 }
const target = { kind: 'address', address: ADDRESS, network: undefined, amountSat: undefined, label: undefined } as unknown as Parameters<
  typeof SendCoins
>[0]['target']

function show(reserveSat: number, send: Api['send']) {
  const plain = api({ info, fees, balance: { onchain_sat: 90_000, onchain_unconfirmed_sat: 0, onchain_reserve_sat: reserveSat, pending_close_sat: 0 } })
  plain.send = send
  render(
    <NodeContext value={node({ api: plain })}>
      <SendCoins target={target} />
    </NodeContext>,
  )
}

afterEach(cleanup)

test('what is kept is shown, and stays unless its box is ticked', async () => {
  const send = vi.fn(() => Promise.reject(new NodeError(422, 'reserve_missing', '0.00004 BTC stay on chain')))
  show(4_000, send)
  await screen.findByText(/Kept to pay for closing channels/)
  expect(screen.getByText('4,000')).toBeTruthy()
  fireEvent.change(screen.getByLabelText(/Amount/), { target: { value: '88000' } })
  fireEvent.click(screen.getByRole('button', { name: 'Send coins' }))
  await screen.findByText('Too little would be left on chain to pay for closing the channels.')
  expect(screen.getByText('0.00004 BTC stay on chain')).toBeTruthy()
  expect(send).toHaveBeenCalledWith(ADDRESS, 88_000n, undefined, false)

  fireEvent.click(screen.getByLabelText('Send what is kept too'))
  expect(screen.getByText(/may be lost when a channel closes/)).toBeTruthy()
  fireEvent.click(screen.getByRole('button', { name: 'Take all' }))
  fireEvent.click(screen.getByRole('button', { name: 'Send coins' }))
  await waitFor(() => expect(send).toHaveBeenCalledWith(ADDRESS, undefined, undefined, true))
})

test('where nothing is kept nothing is said of it', async () => {
  show(0, vi.fn(() => Promise.resolve({ txid: '11'.repeat(32), kept_sat: 0 })))
  await screen.findByRole('button', { name: 'Take all' })
  expect(screen.queryByText(/Kept to pay/)).toBeNull()
  expect(screen.queryByLabelText('Send what is kept too')).toBeNull()
})
