/** The node's plain endpoints: what is not in the ledger, and the few commands that are no ledger transactions. */

import { Transport } from '@zarnitsa/light-client/page'

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
  /** Why the node does nothing of channels: its ledger is an older copy. */
  alarm?: string | null
}

export interface Balance {
  onchain_sat: number
  onchain_unconfirmed_sat: number
  /** Kept on chain, to pay for closing channels. */
  onchain_reserve_sat: number
  pending_close_sat: number
}

/** A payment that is passing through a channel. */
export interface ChannelHtlc {
  id: number
  direction: 'incoming' | 'outgoing'
  amount_msat: string
  payment_hash: string
  cltv_expiry: number
  state: string
}

/** What the ledger does not prove of a channel: whether the peer is there, and what may be sent now. */
export interface ChannelNow {
  channel_id: string
  state: string
  spendable_msat: string
  receivable_msat: string
  htlcs: ChannelHtlc[]
  /** How it ends on the chain, if it does. */
  closing?: ChannelClosing | null
}

export interface ChannelClosing {
  /** `mutual`, `alone`, `seen` or `data_lost`. */
  cause: string
  reason: string | null
  /** What spent the opening output; null while nothing is confirmed. */
  spent_by: string | null
  block_height: number | null
  outputs: ClosingOutput[]
}

/** One output of a close. */
export interface ClosingOutput {
  output: string
  amount_sat: number
  kind: string
  /** How this node takes it; null where it is not its own, or is taken already. */
  claim: string | null
  /** The first block that can hold that claim. */
  spendable_height: number | null
  /** The block from which somebody else can take it. */
  deadline_height: number | null
  spent_txid: string | null
  /** `local` or `remote`. */
  taken_by: string | null
}

export interface Payment {
  payment_hash: string
  status: string
  description: string
  route: { node_id: string; short_channel_id: string | null; amount_msat: string }[]
  created_at: number
}

/** What one channel forwards for, in place of the policy. */
export interface ChannelFees {
  channel_id: string
  base_fee_msat: string
  fee_ppm: number
  cltv_delta: number
}

export interface Peer {
  node_id: string
  address: string | null
  connected: boolean
  inbound: boolean
  features: string[]
}

export interface Utxo {
  txid: string
  vout: number
  amount_sat: number
  address: string | null
  confirmations: number
}

export interface WalletTransaction {
  txid: string
  amount_sat: number
  fee_sat: number | null
  block_height: number | null
  confirmations: number
}

export interface WalletOverview {
  onchain_sat: number
  onchain_unconfirmed_sat: number
  /** Kept on chain, to pay for closing channels. */
  onchain_reserve_sat: number
  utxos: Utxo[]
  transactions: WalletTransaction[]
}

export interface FeeRates {
  minimum_sat_vb: number
  slow_sat_vb: number
  normal_sat_vb: number
  fast_sat_vb: number
}

/** A public node. What it says of itself is not to be trusted. */
export interface NetworkNode {
  node_id: string
  alias: string
  addresses: string[]
  channels: number
}

export interface NetworkChannel {
  short_channel_id: string
  node_1: string
  node_2: string
  capacity_sat: number | null
}

export interface NetworkGraph {
  nodes: NetworkNode[]
  channels: NetworkChannel[]
}

interface NetworkPage extends NetworkGraph {
  next_nodes: string | null
  next_channels: string | null
}

/** A channel that somebody was asked for: inbound liquidity. */
export interface Ask {
  /** Its name at this node; of an own ask, the order's hash. */
  ask_id: string
  direction: 'incoming' | 'outgoing'
  peer: string
  amount_sat: number
  status: string
  channel_id: string | null
  /** Why it was refused, or why the newest attempt failed. */
  reason: string | null
  /** Unix time in seconds. */
  created_at: number
}

/** What the watchtower has of one channel, against the ledger. */
export interface TowerChannel {
  channel_id: string
  /** Old states that could be punished. */
  revoked_states: number
  tower_states: number
  /** All of them, byte for byte. */
  complete: boolean
  /** Why it is not known what the tower has; absent where it is. */
  error?: string
}

export interface Session {
  access: 'read' | 'command'
}

/** As large as the public network has ever been, and more. */
const MOST_NODES = 50_000
const MOST_CHANNELS = 200_000

/** Beyond so many, names are not worth the asking. */
const NAME_PAGES = 5

const BASE = '/api/services/lightning/v1'

export class Api {
  readonly transport: Transport

  constructor(url: string) {
    this.transport = new Transport({ url })
  }

  info = () => this.#get<Info>('/info')
  session = () => this.#get<Session>('/session')
  balance = () => this.#get<Balance>('/balance')
  channels = () => this.#get<ChannelNow[]>('/channels')
  payments = () => this.#get<Payment[]>('/payments')
  policy = () => this.#get<{ channels: ChannelFees[] }>('/policy')
  asks = () => this.#get<Ask[]>('/channels/asks')
  tower = () => this.#get<TowerChannel[]>('/watchtower')
  peers = () => this.#get<Peer[]>('/peers')
  wallet = () => this.#get<WalletOverview>('/wallet')
  fees = () => this.#get<FeeRates>('/fees')
  /** All pages of the graph that gossip told of. */
  network = async (): Promise<NetworkGraph> => {
    const nodes: NetworkNode[] = []
    const channels: NetworkChannel[] = []
    let after: string | null = ''
    while (after !== null && nodes.length < MOST_NODES) {
      const page: NetworkPage = await this.#page('nodes_after', after)
      nodes.push(...page.nodes)
      after = page.next_nodes
    }
    after = ''
    while (after !== null && channels.length < MOST_CHANNELS) {
      const page: NetworkPage = await this.#page('channels_after', after)
      channels.push(...page.channels)
      after = page.next_channels
    }
    return { nodes, channels }
  }
  /** The names that nodes give themselves, by id: as many as a few pages tell. Asked once. */
  names = (): Promise<Map<string, string>> => (this.#names ??= this.#readNames())
  #names: Promise<Map<string, string>> | undefined
  #readNames = async () => {
    const names = new Map<string, string>()
    let after: string | null = ''
    for (let page = 0; page < NAME_PAGES && after !== null; page++) {
      const { nodes, next_nodes }: NetworkPage = await this.#page('nodes_after', after)
      for (const { node_id, alias } of nodes) if (alias.trim() !== '') names.set(node_id, alias)
      after = next_nodes
    }
    return names
  }
  #page = (name: string, after: string) =>
    this.#get<NetworkPage>(`/network?limit=1000${after === '' ? '' : `&${name}=${encodeURIComponent(after)}`}`)
  log = () => this.#get<{ lines: string[] }>('/log?lines=1000')

  /** These need the full token: they are no transactions of the ledger. */
  newAddress = () => this.#post<{ address: string }>('/wallet/address', {})
  send = (address: string, amountSat: bigint | undefined, feeRateSatVb: number | undefined, spendReserve: boolean) =>
    this.#post<{ txid: string; kept_sat: number }>('/wallet/send', {
      address,
      amount: amountSat === undefined ? 'all' : `${amountSat}sat`,
      ...(feeRateSatVb === undefined ? {} : { fee_rate_sat_vb: feeRateSatVb }),
      ...(spendReserve ? { spend_reserve: true } : {}),
    })
  /** Nothing of it is kept: it is no order of the ledger's. */
  createOffer = (order: { amountMsat: bigint | undefined; description: string; expirySeconds: number | undefined }) =>
    this.#post<{ offer: string }>('/offers', {
      amount: order.amountMsat === undefined ? 'any' : `${order.amountMsat}msat`,
      description: order.description,
      ...(order.expirySeconds === undefined ? {} : { expiry_seconds: order.expirySeconds }),
    })
  backup = () => this.transport.download(`${BASE}/backup`)
  connect = (peer: string) => this.#post<{ node_id: string }>('/peers/connect', { peer })
  disconnect = (nodeId: string) => this.#post<{ node_id: string }>('/peers/disconnect', { node_id: nodeId })

  #get<T>(path: string): Promise<T> {
    return this.transport.get(BASE + path) as Promise<T>
  }

  #post<T>(path: string, body: unknown): Promise<T> {
    return this.transport.post(BASE + path, body) as Promise<T>
  }
}
