/** A node's ledger, read with proofs and commanded with signatures. */

import { verifyBlock, type ProvedBlock } from './block.js'
import { ProofError, RefusedError } from './errors.js'
import { follow, type EventOptions, type EventStream } from './events.js'
import { Head, type SeenHead } from './head.js'
import { isHex } from './hex.js'
import { count, hex, object, type Json } from './json.js'
import {
  callSucceeded,
  listEntries,
  mapEntries,
  mapEntry,
  soleEntry,
  tableRoot,
  verifyLocation,
} from './proofs.js'
import {
  readChannel,
  readHistoryEntry,
  readInvoice,
  readPayment,
  readPolicy,
  type Channel,
  type HistoryEntry,
  type Invoice,
  type Payment,
  type Policy,
} from './records.js'
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

/** A transaction that is in the ledger and that the service accepted. */
export interface Committed {
  txHash: string
  position: number
  block: ProvedBlock
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

/** The most steps of a history in one answer. */
export const MAX_HISTORY = 1000

const SERVICE = '/api/services/lightning/v1'
const EXPLORER = '/api/explorer/v1'

export class LightClient {
  readonly transport: Transport
  readonly #validatorKey: string
  readonly #head: Head

  constructor(options: LightClientOptions) {
    if (!isHex(options.validatorKey, 32)) throw new TypeError('the validator key is not 32 bytes of hex')
    this.transport = new Transport(options)
    this.#validatorKey = options.validatorKey
    this.#head = new Head(options.seen)
  }

  /** The newest block seen, to be stored and given to the next session. */
  get seen(): SeenHead | undefined {
    return this.#head.seen
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

  async policy(): Promise<Proved<Policy>> {
    const { json, block, table } = await this.#ask('/policy?', 'policy')
    return { value: readPolicy(soleEntry(json.value, table.root)), block, table }
  }

  /** A block of the ledger by its height, with its signature checked. */
  async block(height: number): Promise<ProvedBlock> {
    // The explorer writes the header's fields beside the precommits.
    const { precommits, ...header } = object(await this.transport.get(`${EXPLORER}/block?height=${height}`), 'block')
    const block = verifyBlock({ block: header, precommits }, this.#validatorKey)
    if (block.height !== height) throw new ProofError('other_question', `asked for block ${height}`)
    return block
  }

  /** The newest blocks, `limit` of them, the newest first: each is signed, and each names the one before it. */
  async newestBlocks(limit: number): Promise<Proved<ProvedBlock[]>> {
    const { block: newest, table } = await this.policy()
    const blocks = [newest]
    // Genesis is signed by nobody: it is what the ledger began with.
    for (let height = newest.height - 1; height > 0 && blocks.length < limit; height--) {
      const block = await this.block(height)
      if (blocks.at(-1)?.prevHash !== block.hash) throw new ProofError('fork', `block ${height} is not the one before`)
      blocks.push(block)
    }
    return { value: blocks, block: newest, table }
  }

  /**
   * Signs a command, submits it, and waits until it is proved to be in the ledger.
   *
   * Errors: {@link RefusedError} where the service refused it; the ledger holds it all the same.
   */
  async command<M extends Method>(method: M, argument: Argument<M>, keys: KeyPair): Promise<Committed> {
    const signed = sign(method, argument, keys)
    const answer = object(await this.transport.post(`${EXPLORER}/transactions`, { tx_body: signed.body }), 'answer')
    if (answer.tx_hash !== signed.hash) throw new ProofError('other_question', 'the node took another transaction')
    return this.committed(signed.hash)
  }

  /** Proves that a transaction is in the ledger and that it succeeded. */
  async committed(txHash: string): Promise<Committed> {
    const info = object(await this.transport.get(`${EXPLORER}/transactions?hash=${id(txHash)}`), 'transaction')
    const location = object(info.location, 'location')
    const position = count(location.position_in_block, 'position_in_block')
    const query = `hash=${txHash}&with_proof=true`
    const status = object(await this.transport.get(`${EXPLORER}/call_status/transaction?${query}`), 'call status')
    const block = verifyBlock(status, this.#validatorKey)
    verifyLocation(info.location_proof, block.txHash, txHash, position)
    // The bytes of an error are not sent in a form that can be checked, so only success is proved.
    const { type, description } = object(info.status, 'status')
    if (type !== 'success') throw new RefusedError(txHash, String(description ?? type))
    if (!callSucceeded(status.call_proof, block.errorHash, position, block.txCount)) {
      throw new ProofError('mismatch', 'the node says that the transaction succeeded, the block says that it failed')
    }
    this.#head.accept(block, undefined)
    return { txHash, position, block }
  }

  /** Follows the ledger's events. */
  events(options: EventOptions): EventStream {
    return follow(this.transport, options)
  }

  async #all<T>(path: string, name: string, proof: string, read: (bytes: Uint8Array) => T): Promise<Proved<Items<T>>> {
    const { json, block, table } = await this.#ask(`${path}?`, name)
    const { present, complete } = mapEntries(json[proof], table.root)
    return { value: { items: [...present.values()].map(read), complete }, block, table }
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
    const since = this.#head.seen
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
