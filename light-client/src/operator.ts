/** What an operator orders: each order is a ledger transaction signed by the operator's key, and its outcome is proved. */

import exonum from 'exonum-client'

import { decodeInvoice } from './bolt11.js'
import { decodeOffer, invoiceForOffer } from './bolt12.js'
import type { LightClient } from './client.js'
import { ProofError } from './errors.js'
import { fromHex, isHex } from './hex.js'
import { count, hex, object } from './json.js'
import type { AskChannel, ChannelFees, CloseChannel, DecideAsk, Keysend, NewInvoice, OpenBatch, OpenChannel, Pay, PayOffer, SettleInvoice } from './orders.js'
import type { Invoice, Order, Payment, Policy } from './records.js'
import { nonce, type KeyPair } from './transactions.js'

/** The order was carried out as far as it could be, and failed. */
export class OrderError extends Error {
  override readonly name = 'OrderError'

  constructor(
    message: string,
    /** `pending`: what came of it is not known yet, and may still come. */
    readonly code: 'failed' | 'pending' | 'expired' | 'preimage' = 'failed',
  ) {
    super(message)
  }
}

const SERVICE = '/api/services/lightning/v1'
/** How long an outcome is waited for. */
const PATIENCE = 60_000
const FIRST_LOOK = 50
const SLOWEST_LOOK = 1_000
/** What is said to a peer has room for so much. */
const MAX_REASON = 200

export class Operator {
  readonly #client: LightClient
  readonly #keys: KeyPair
  readonly #patience: number

  constructor(client: LightClient, keys: KeyPair, patience = PATIENCE) {
    this.#client = client
    this.#keys = keys
    this.#patience = patience
  }

  /** Opens a channel; answers with its id once the opening transaction is with the Bitcoin network. */
  async openChannel(order: OpenChannel): Promise<string> {
    if (!isHex(order.peer, 33)) throw new TypeError('the peer is no node id')
    if (order.amountSat !== undefined && order.amountSat <= 0n) throw new TypeError('the amount must not be zero')
    const { txHash } = await this.#client.command(
      'openChannel',
      {
        peer: fromHex(order.peer),
        address: order.address ?? '',
        amountSat: order.amountSat ?? 0n,
        pushMsat: order.pushMsat ?? 0n,
        feeratePerKw: feeratePerKw(order.feeRateSatVb),
        announce: order.announce ?? false,
        nonce: nonce(),
      },
      this.#keys,
    )
    const { channelId } = await this.#done(txHash)
    if (channelId === undefined) throw new ProofError('malformed', 'the order is done without a channel')
    return channelId
  }

  /** Opens several channels, all of them or none; answers with their ids once the opening transaction is with the Bitcoin network. */
  async openBatch(order: OpenBatch): Promise<string[]> {
    if (order.channels.length === 0) throw new TypeError('there is no channel to open')
    const channels = order.channels.map(({ peer, address = '', amountSat, pushMsat = 0n, announce = false }) => {
      if (!isHex(peer, 33)) throw new TypeError('the peer is no node id')
      if (amountSat <= 0n) throw new TypeError('the amount must not be zero')
      return { peer: fromHex(peer), address, amountSat, pushMsat, announce, nonce: nonce() }
    })
    if (new Set(order.channels.map(({ peer }) => peer)).size < channels.length) throw new TypeError('each peer can be named once')
    const argument = { channels, feeratePerKw: feeratePerKw(order.feeRateSatVb), nonce: nonce() }
    const { txHash } = await this.#client.command('openBatch', argument, this.#keys)
    const opened = (await this.#done(txHash)).channels
    if (opened.length !== channels.length) throw new ProofError('malformed', 'the order is done without its channels')
    return opened
  }

  /**
   * Asks a hub to open a channel to this node; answers with the order's hash once the order is in the ledger. What becomes of it, the
   * hub's time to gather others included, is `LightClient.order` of that hash.
   */
  async askChannel(order: AskChannel): Promise<string> {
    if (!isHex(order.hub, 33)) throw new TypeError('the hub is no node id')
    if (order.amountSat <= 0n) throw new TypeError('the amount must not be zero')
    const { hub, address, amountSat } = order
    const argument = { hub: fromHex(hub), address: address ?? '', amountSat, nonce: nonce() }
    const { txHash } = await this.#client.command('askChannel', argument, this.#keys)
    return txHash
  }

  /** Approves or refuses a channel that a peer asks for: this node's word to the peer, and the coins are this node's. */
  async decideAsk(order: DecideAsk): Promise<void> {
    const reason = order.approve ? '' : (order.reason ?? '').trim()
    if (new TextEncoder().encode(reason).length > MAX_REASON) throw new TypeError(`a reason has ${MAX_REASON} bytes at most`)
    const ask = { data: fromHex(hex(order.askId, 'ask', 32)) }
    await this.#client.command('askDecision', { ask, approve: order.approve, reason, nonce: nonce() }, this.#keys)
  }

  /** Closes a channel; answers once the node has set about it. */
  async closeChannel(order: CloseChannel): Promise<void> {
    const channelId = fromHex(hex(order.channelId, 'channel id', 32))
    const argument = {
      channelId,
      force: order.force ?? false,
      feeratePerKw: feeratePerKw(order.feeRateSatVb),
      nonce: nonce(),
    }
    const { txHash } = await this.#client.command('closeChannel', argument, this.#keys)
    await this.#done(txHash)
  }

  /** Pays an invoice, and waits until it is proved to have succeeded or failed. */
  async pay(order: Pay): Promise<Payment> {
    const invoice = decodeInvoice(order.invoice)
    const amountMsat = invoice.amountMsat ?? order.amountMsat
    if (!amountMsat || amountMsat < 0n) throw new TypeError('the invoice names no amount: give one')
    if (invoice.expiresAt.getTime() <= Date.now()) throw new OrderError('the invoice has expired', 'expired')
    await this.#client.command(
      'payment',
      {
        paymentHash: fromHex(invoice.paymentHash),
        payee: fromHex(invoice.payee),
        amountMsat,
        maxFeeMsat: order.maxFeeMsat ?? usualMaxFee(amountMsat),
        invoice: order.invoice.trim().toLowerCase(),
        sessionNonce: nonce(),
      },
      this.#keys,
    )
    return this.#paid(invoice.paymentHash)
  }

  /**
   * Pays an offer, and waits until it is proved to have succeeded or failed. The node asks the offer's maker for an invoice; that
   * it is for this offer, this amount and by its maker is checked here, before the order is signed.
   */
  async payOffer(order: PayOffer): Promise<Payment> {
    const offer = decodeOffer(order.offer)
    const amountMsat = offer.amountMsat ?? order.amountMsat
    if (!amountMsat || amountMsat < 0n) throw new TypeError('the offer names no amount: give one')
    if (offer.expiresAt && offer.expiresAt.getTime() <= Date.now()) throw new OrderError('the offer has expired', 'expired')
    const asked = { offer: order.offer, ...(offer.amountMsat === undefined ? { amount_msat: amountMsat.toString() } : {}) }
    const draft = object(await this.#client.transport.post(`${SERVICE}/payments/offer/draft`, asked), 'draft')
    const text = typeof draft.invoice === 'string' ? draft.invoice : ''
    const invoice = invoiceForOffer(text, order.offer)
    if (invoice.amountMsat !== amountMsat) throw new ProofError('other_question', 'the invoice is for another amount than its offer')
    const maxFeeMsat = order.maxFeeMsat ?? usualMaxFee(amountMsat)
    const { paymentHash, payee } = invoice
    const argument = { paymentHash: fromHex(paymentHash), payee: fromHex(payee), amountMsat, maxFeeMsat, invoice: text, sessionNonce: nonce() }
    await this.#client.command('payment', argument, this.#keys)
    return this.#paid(paymentHash)
  }

  /** Pays a node that asked for nothing, and waits until it is proved to have succeeded or failed. */
  async keysend(order: Keysend): Promise<Payment> {
    const { amountMsat } = order
    if (!isHex(order.payee, 33)) throw new TypeError('the payee is no node id')
    if (amountMsat <= 0n) throw new TypeError('the amount must not be zero')
    const draft = object(await this.#client.transport.post(`${SERVICE}/payments/keysend/draft`, {}), 'draft')
    const paymentHash = hex(draft.payment_hash, 'payment hash', 32)
    const argument = {
      paymentHash: fromHex(paymentHash),
      payee: fromHex(order.payee),
      amountMsat,
      maxFeeMsat: order.maxFeeMsat ?? usualMaxFee(amountMsat),
      sessionNonce: fromHex(hex(draft.session_nonce, 'session nonce', 32)),
    }
    await this.#client.command('payment', argument, this.#keys)
    return this.#paid(paymentHash)
  }

  /** Makes an invoice. The node signs it, and what it signed is checked before it goes into the ledger. */
  async createInvoice(order: NewInvoice): Promise<Invoice> {
    const body = {
      amount: order.amountMsat === undefined ? 'any' : `${order.amountMsat}msat`,
      description: order.description,
      ...(order.expirySeconds === undefined ? {} : { expiry_seconds: order.expirySeconds }),
      ...(order.hold ? { hold: true } : {}),
      ...(order.paymentHash === undefined ? {} : { payment_hash: hex(order.paymentHash, 'payment hash', 32) }),
    }
    const draft = object(await this.#client.transport.post(`${SERVICE}/invoices/draft`, body), 'draft')
    const text = typeof draft.invoice === 'string' ? draft.invoice : ''
    const invoice = decodeInvoice(text)
    const { nodeId } = (await this.#client.config()).value
    const isOurs =
      invoice.payee === nodeId &&
      invoice.amountMsat === order.amountMsat &&
      invoice.description === order.description &&
      invoice.paymentHash === draft.payment_hash &&
      invoice.paymentHash === (order.paymentHash ?? draft.payment_hash)
    if (!isOurs) throw new ProofError('other_question', 'the node made another invoice than the one that was ordered')
    const created = {
      nonce: fromHex(hex(draft.nonce, 'nonce', 32)),
      amountMsat: order.amountMsat ?? 0n,
      description: order.description,
      createdAt: BigInt(count(draft.created_at, 'created_at')),
      expirySeconds: count(draft.expiry_seconds, 'expiry_seconds'),
      invoice: text,
      hold: order.hold ?? false,
    }
    const paymentHash = fromHex(invoice.paymentHash)
    await this.#client.command('invoice', { paymentHash, step: { case: 'created', value: created } }, this.#keys)
    const { value } = await this.#client.invoice(invoice.paymentHash)
    if (!value) throw new ProofError('other_question', 'the ledger does not have the invoice')
    return value
  }

  /** Claims what is held for an invoice: by the preimage that is given, or by the node's own. */
  async settleInvoice(order: SettleInvoice): Promise<void> {
    const paymentHash = hex(order.paymentHash, 'payment hash', 32)
    const preimage = order.preimage === undefined ? await this.#heldPreimage(paymentHash) : hex(order.preimage, 'preimage', 32)
    if (exonum.hash(fromHex(preimage)) !== paymentHash) throw new OrderError('that is not the preimage of this invoice', 'preimage')
    const step = { case: 'settled' as const, value: { preimage: fromHex(preimage) } }
    await this.#client.command('invoice', { paymentHash: fromHex(paymentHash), step }, this.#keys)
  }

  /** Withdraws an invoice that nobody has paid, and one for which a payment is held: the payer has it back. */
  async cancelInvoice(paymentHash: string): Promise<void> {
    const step = { case: 'cancelled' as const, value: { nonce: nonce() } }
    await this.#client.command('invoice', { paymentHash: fromHex(hex(paymentHash, 'hash', 32)), step }, this.#keys)
  }

  /** Sets fields of the policy; the others stay as they are proved to be. */
  async setPolicy(change: Partial<Omit<Policy, '$typeName' | '$unknown'>>): Promise<void> {
    const { value } = await this.#client.policy()
    await this.#client.command('policy', { policy: { ...value, ...change }, nonce: nonce() }, this.#keys)
  }

  /** Sets what one channel forwards for; undefined gives it back to the policy. */
  async setChannelPolicy(order: ChannelFees): Promise<void> {
    const channelId = fromHex(hex(order.channelId, 'channel id', 32))
    const { fees } = order
    const argument = { channelId, nonce: nonce(), ...(fees && { policy: { channelId, ...fees } }) }
    await this.#client.command('channelPolicy', argument, this.#keys)
  }

  /** A secret until the signed order releases it: the node tells it to the full token alone. */
  async #heldPreimage(paymentHash: string): Promise<string> {
    const answer = object(await this.#client.transport.post(`${SERVICE}/invoices/preimage`, { payment_hash: paymentHash }), 'answer')
    return hex(answer.preimage, 'preimage', 32)
  }

  #paid(paymentHash: string): Promise<Payment> {
    return this.#until('the payment', async () => {
      const { value } = await this.#client.payment(paymentHash)
      return value?.status === 'pending' ? undefined : value
    })
  }

  async #done(txHash: string): Promise<Order> {
    const order = await this.#until('the order', async () => {
      const { value } = await this.#client.order(txHash)
      return value?.status === 'pending' ? undefined : value
    })
    if (order.status !== 'done') throw new OrderError(order.reason)
    return order
  }

  /** Looks again and again, ever more slowly, until there is an answer. */
  async #until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    const end = Date.now() + this.#patience
    for (let pause = FIRST_LOOK; ; pause = Math.min(2 * pause, SLOWEST_LOOK)) {
      const found = await look()
      if (found !== undefined) return found
      if (Date.now() > end) throw new OrderError(`the outcome of ${what} is not known yet; it may still come`, 'pending')
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }
}

/** One percent, and at least 5 sat. */
function usualMaxFee(amountMsat: bigint): bigint {
  const onePercent = amountMsat / 100n
  return onePercent > 5_000n ? onePercent : 5_000n
}

/** Satoshis for a virtual byte, in the ledger's unit: for 1,000 weight units. 0 leaves it to the node. */
function feeratePerKw(satVb: number | undefined): number {
  if (satVb === undefined) return 0
  if (!Number.isFinite(satVb) || satVb <= 0 || satVb > 10_000) throw new TypeError(`${satVb} sat/vB is no fee rate`)
  return Math.ceil(satVb * 250)
}
