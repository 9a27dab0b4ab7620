/** The ledger's numbered events, without loss: a connection that breaks goes on where it stopped. */

import { count, object } from './json.js'
import type { Transport } from './transport.js'

/** A hint that something changed. It is not proved: whoever acts on it asks again with a proof. */
export interface LedgerEvent {
  number: number
  kind: string
  ledgerHeight: number
  channelId: string | undefined
  paymentHash: string | undefined
}

export interface EventStream {
  /** The number of the last event given out. */
  readonly last: number
  close(): void
}

export interface EventOptions {
  after?: number
  onEvent: (event: LedgerEvent) => void
  onState?: (connected: boolean) => void
  WebSocket?: typeof WebSocket
  /** Milliseconds before the first attempt to connect again; doubled up to 30 s. */
  retry?: number
}

const PATH = '/api/services/lightning/v1/events?after='
const MAX_RETRY = 30_000

export function follow(transport: Transport, options: EventOptions): EventStream {
  const Socket = options.WebSocket ?? globalThis.WebSocket
  const firstRetry = options.retry ?? 500
  let last = options.after ?? 0
  let retry = firstRetry
  let timer: ReturnType<typeof setTimeout> | undefined
  let socket: WebSocket | undefined
  let closed = false

  const connect = () => {
    const current = new Socket(transport.socket(PATH + last))
    socket = current
    current.addEventListener('open', () => {
      retry = firstRetry
      options.onState?.(true)
    })
    current.addEventListener('message', ({ data }) => {
      if (closed || current !== socket) return
      const event = readEvent(JSON.parse(String(data)))
      // A gap or a repetition would be the node's fault: start again from what is known.
      if (event.number !== last + 1) return current.close()
      last = event.number
      options.onEvent(event)
    })
    current.addEventListener('close', () => {
      if (closed || current !== socket) return
      options.onState?.(false)
      timer = setTimeout(connect, retry)
      retry = Math.min(2 * retry, MAX_RETRY)
    })
  }

  connect()
  return {
    get last() {
      return last
    },
    close() {
      closed = true
      clearTimeout(timer)
      socket?.close()
    },
  }
}

function readEvent(json: unknown): LedgerEvent {
  const event = object(json, 'event')
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
  return {
    number: count(event.number, 'number'),
    kind: text(event.kind) ?? '',
    ledgerHeight: count(event.ledger_height, 'ledger_height'),
    channelId: text(event.channel_id),
    paymentHash: text(event.payment_hash),
  }
}
