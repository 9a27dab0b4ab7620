/** The node's plain endpoints: what is not in the ledger, and commands that the node signs for the full token. */

import { Transport } from '@zarnitsa/light-client'

export interface Info {
  node_id: string
  alias: string
  uri: string
  role: string
  network: string
  block_height: number
  ledger_height: number
  ledger_hash: string
  validator_key: string
  version: string
  chain_available: boolean
}

export interface Balance {
  onchain_sat: number
  onchain_unconfirmed_sat: number
  pending_close_sat: number
}

export interface Payment {
  payment_hash: string
  preimage: string | null
  amount_msat: string
  fee_msat: string
  status: 'pending' | 'succeeded' | 'failed'
  failure: { code: string; message: string } | null
}

export interface Invoice {
  invoice: string
  payment_hash: string
  amount_msat: string | null
  status: string
}

const BASE = '/api/services/lightning/v1'

export class Api {
  readonly transport: Transport

  constructor(url: string) {
    this.transport = new Transport({ url })
  }

  info = () => this.transport.get(`${BASE}/info`) as Promise<Info>
  balance = () => this.transport.get(`${BASE}/balance`) as Promise<Balance>
  address = () => this.transport.post(`${BASE}/wallet/address`, {}) as Promise<{ address: string }>

  openChannel = (peer: string, amountSat: bigint) =>
    this.transport.post(`${BASE}/channels`, { peer, amount: `${amountSat}sat` }) as Promise<{ channel_id: string }>

  closeChannel = (channel_id: string, force: boolean) =>
    this.transport.post(`${BASE}/channels/close`, { channel_id, force }) as Promise<{ closing_txid: string }>

  pay = (invoice: string, amountMsat: bigint | undefined) =>
    this.transport.post(`${BASE}/payments`, {
      invoice,
      ...(amountMsat === undefined ? {} : { amount_msat: amountMsat.toString() }),
    }) as Promise<Payment>

  createInvoice = (amountMsat: bigint | undefined, description: string) =>
    this.transport.post(`${BASE}/invoices`, {
      amount: amountMsat === undefined ? 'any' : `${amountMsat}msat`,
      description,
    }) as Promise<Invoice>
}
