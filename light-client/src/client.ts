/** A node's ledger, read with proofs and commanded with signatures. */

import { readAsk, type Ask } from './ask.js'
import { verifyBlock, type ProvedBlock } from './block.js'
import { ProofError } from './errors.js'
import { follow, type EventOptions, type EventStream } from './events.js'
import { Explorer, type BlockContent, type Committed, type ProvedTransaction } from './explorer.js'
import { Head, type SeenHead } from './head.js'
import { isHex } from './hex.js'
import { count, hex, object, type Json } from './json.js'
import { MAX_HISTORY } from './limits.js'
import { listEntries, mapEntries, mapEntry, soleEntry, tableRoot } from './proofs.js'
import {
  readChannel,
  readConfig,
  readForward,
  readHistoryEntry,
  readInvoice,
  readOrder,
  readPayment,
  readPolicy,
  type Channel,
  type Config,
  type Forward,
  type HistoryEntry,
  type Invoice,
  type Order,
  type Payment,
  type Policy,
} from './records.js'
import { makeReceipt, type Receipt } from './receipt.js'
import { sign, type Argument, type KeyPair, type Method } from './transactions.js'
import { Transport, type TransportOptions } from './transport.js'

export interface LightClientOptions extends TransportOptions {
  /** The key that signs the ledger's blocks, pinned: from the node's own terminal, never from its answers. */
  validatorKey: string
  /** The newest block that an earlier session saw. */
  seen?: SeenHead | undefined
}

/** A value, and the chain of hashes that leads from it to the signature. */
export interface Proved<T> {
  readonly value: T
  readonly block: ProvedBlock
  /** The table's name and root hash. */
  readonly table: { name: string; root: string }
}

/** Entries of a table. */
export interface Items<T> {
  items: T[]
  /** It is proved that the table has no others. */
  complete: boolean
}

/** A part of a channel's history. */
export interface HistoryPage {
  from: number
  /** How many steps the channel has in all. */
  length: number
  entries: HistoryEntry[]
}

const SERVICE = '/api/services/lightning/v1'

export class LightClient {
  readonly transport: Transport
  readonly #validatorKey: string
  readonly #head: Head
  readonly #explorer: Explorer

  constructor(options: LightClientOptions) {
    if (!isHex(options.validatorKey, 32)) throw new TypeError('the validator key is not 32 bytes of hex')
    this.transport = new Transport(options)
    this.#validatorKey = options.validatorKey
    this.#head = new Head(options.seen)
    this.#explorer = new Explorer(this.transport, options.validatorKey, this.#head)
  }

  /** The newest block seen, to be stored and given to the next session. */
  get seen(): SeenHead | undefined {
    return this.#head.seen
  }

  /** The node says, without a proof, that its ledger has come so far. An answer that is older than that is refused. */
  tell(height: number): void {
    this.#head.tell(count(height, 'height'))
  }

  /** Every channel that ever was: none can be left out. */
  async channels(): Promise<Proved<Channel[]>> {
    const { value, ...proof } = await this.#all('/channels', 'channels', 'to_channel', readChannel)
    if (!value.complete) throw new ProofError('other_question', 'some of the channels were left out')
    return { value: value.items, ...proof }
  }

  /** One channel; undefined if it is proved that there is none. */
  async channel(channelId: string): Promise<Proved<Channel | undefined>> {
    return this.#one('/channels', 'channels', 'to_channel', channelId, readChannel)
  }

  /**
   * A channel's steps from number `from` on, oldest first, {@link MAX_HISTORY} at most.
   * `length` says how many there are in all.
   */
  async history(channelId: string, from = 0): Promise<Proved<HistoryPage>> {
    const path = `/channels/${id(channelId)}/history?from=${count(from, 'from')}&`
    const { json, block, table } = await this.#ask(path, 'channels')
    const stored = mapEntry(json.to_channel, table.root, channelId)
    if (stored === undefined) throw new ProofError('other_question', `there is no channel ${channelId}`)
    const { historyHash, historyLength } = readChannel(stored)
    const { entries, length } = listEntries(json.history, historyHash)
    const expected = Math.min(Math.max(length - from, 0), MAX_HISTORY)
    const whole = entries.length === expected && entries.every(({ index }, at) => index === from + at)
    if (!whole || BigInt(length) !== historyLength) throw new ProofError('other_question', 'steps were left out')
    return { value: { from, length, entries: entries.map(({ value }) => readHistoryEntry(value)) }, block, table }
  }

  /** Payments: every one that was ever ordered, or the newest where there are too many for an answer. */
  async payments(): Promise<Proved<Items<Payment>>> {
    return this.#all('/payments', 'payments', 'to_payment', readPayment)
  }

  /** One payment; undefined if it is proved that it was never ordered. */
  async payment(paymentHash: string): Promise<Proved<Payment | undefined>> {
    return this.#one('/payments', 'payments', 'to_payment', paymentHash, readPayment)
  }

  /** Invoices of this node: every one, or the newest where there are too many for an answer. */
  async invoices(): Promise<Proved<Items<Invoice>>> {
    return this.#all('/invoices', 'invoices', 'to_invoice', readInvoice)
  }

  /** One invoice; undefined if it is proved that there is none. */
  async invoice(paymentHash: string): Promise<Proved<Invoice | undefined>> {
    return this.#one('/invoices', 'invoices', 'to_invoice', paymentHash, readInvoice)
  }

  /** Channels that peers ask this node for: every one, or the newest where there are too many for an answer. */
  async asks(): Promise<Proved<Items<Ask>>> {
    return this.#all('/channels/asks', 'asks', 'to_ask', readAsk)
  }

  /** Payments that passed through this node: every one, or the newest where there are too many for an answer. */
  async forwards(): Promise<Proved<Items<Forward>>> {
    const { json, block, table } = await this.#ask('/forwards?', 'forwards')
    const { present, complete } = mapEntries(json.to_forward, table.root)
    return { value: { items: [...present.values()].map(readForward), complete }, block, table }
  }

  /** An order by the hash of the ledger transaction that gave it; undefined if it is proved that there is none. */
  async order(txHash: string): Promise<Proved<Order | undefined>> {
    return this.#one('/requests', 'requests', 'to_request', txHash, readOrder)
  }

  async policy(): Promise<Proved<Policy>> {
    const { json, block, table } = await this.#ask('/policy?', 'policy')
    return { value: readPolicy(soleEntry(json.value, table.root)), block, table }
  }

  /** Whose ledger it is: the keys that may command and report. */
  async config(): Promise<Proved<Config>> {
    const { json, block, table } = await this.#ask('/config?', 'config')
    return { value: readConfig(soleEntry(json.value, table.root)), block, table }
  }

  /** A payment's receipt: one object that anybody can check without this node. */
  async receipt(kind: Receipt['kind'], paymentHash: string): Promise<Receipt> {
    const table = kind === 'sent' ? 'payments' : 'invoices'
    const proof = await this.transport.get(`${SERVICE}/${table}/${id(paymentHash)}?proof=true`)
    return makeReceipt(kind, this.#validatorKey, proof)
  }

  /** A block of the ledger by its height, with the hashes of its transactions. */
  async block(height: number): Promise<BlockContent> {
    return this.#explorer.block(height)
  }

  /** `limit` blocks from height `latest` down: each is signed, and each names the one before it. */
  async blocks(latest: number, limit: number): Promise<ProvedBlock[]> {
    return this.#explorer.blocks(latest, limit)
  }

  /** The newest blocks, `limit` of them, the newest first. */
  async newestBlocks(limit: number): Promise<Proved<ProvedBlock[]>> {
    const { block, table } = await this.policy()
    const older = await this.#explorer.blocks(block.height, limit)
    if (older[0]?.hash !== block.hash) throw new ProofError('fork', `two blocks of height ${block.height}`)
    return { value: older, block, table }
  }

  /** A transaction: what it says, where it stands and how it ended. */
  async transaction(txHash: string): Promise<ProvedTransaction> {
    return this.#explorer.transaction(txHash)
  }

  /**
   * Signs a command, submits it, and waits until it is proved to be in the ledger.
   *
   * Errors: `RefusedError` where the service refused it; the ledger holds it all the same.
   */
  async command<M extends Method>(method: M, argument: Argument<M>, keys: KeyPair): Promise<Committed> {
    const signed = sign(method, argument, keys)
    await this.#explorer.submit(signed.body, signed.hash)
    return this.committed(signed.hash)
  }

  /** Proves that a transaction is in the ledger and that it succeeded. */
  async committed(txHash: string): Promise<Committed> {
    return this.#explorer.committed(txHash)
  }

  /** Follows the ledger's events. */
  events(options: EventOptions): EventStream {
    return follow(this.transport, options)
  }

  async #all<T>(path: string, name: string, proof: string, read: (bytes: Uint8Array, key: string) => T): Promise<Proved<Items<T>>> {
    const { json, block, table } = await this.#ask(`${path}?`, name)
    const { present, complete } = mapEntries(json[proof], table.root)
    return { value: { items: [...present].map(([key, stored]) => read(stored, key)), complete }, block, table }
  }

  async #one<T>(
    path: string,
    name: string,
    proof: string,
    key: string,
    read: (bytes: Uint8Array) => T,
  ): Promise<Proved<T | undefined>> {
    const { json, block, table } = await this.#ask(`${path}/${id(key)}?`, name)
    const stored = mapEntry(json[proof], table.root, key)
    return { value: stored && read(stored), block, table }
  }

  /** Asks with a proof, and checks it from the signature down to the table. */
  async #ask(path: string, name: string): Promise<{ json: Json; block: ProvedBlock; table: Proved<unknown>['table'] }> {
    const since = this.#head.since
    const json = object(await this.transport.get(`${SERVICE}${path}proof=true`), 'answer')
    const block = verifyBlock(json.block_proof, this.#validatorKey)
    this.#head.accept(block, since)
    const table = `lightning.${name}`
    return { json, block, table: { name: table, root: tableRoot(json.to_table, block.stateHash, table) } }
  }
}

function id(text: string): string {
  return hex(text, 'id', 32)
}
