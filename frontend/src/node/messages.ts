/** What the page and the worker say to each other. */

import type { LightClient, Operator } from '@zarnitsa/light-client'

/** What can be read with a proof. */
export type Reading =
  | 'channels'
  | 'channel'
  | 'history'
  | 'payments'
  | 'payment'
  | 'invoices'
  | 'invoice'
  | 'forwards'
  | 'asks'
  | 'policy'
  | 'config'
  | 'newestBlocks'
  | 'order'

/** What can be looked up: it is proved too, and never changes. */
export type Lookup = 'block' | 'blocks' | 'transaction' | 'receipt'

/** What the operator can order. */
export type Ordering = Exclude<keyof Operator, never>

export type Answer<R extends Reading | Lookup> = Awaited<ReturnType<LightClient[R]>>
export type OrderArgument<O extends Ordering> = Parameters<Operator[O]>[0]
export type OrderAnswer<O extends Ordering> = Awaited<ReturnType<Operator[O]>>

export type Request = { id: number } & (
  | { method: 'start'; args: unknown[] }
  | { method: 'read'; reading: Reading | Lookup; args: unknown[] }
  /** The node says that its ledger has come so far. */
  | { method: 'tell'; height: number }
  /** The operator's seed, 32 bytes: answers with the public key, and keeps the pair in the worker alone. */
  | { method: 'unlock'; seed: Uint8Array }
  | { method: 'lock' }
  | { method: 'order'; ordering: Ordering; argument: unknown }
)

export type ErrorKind = 'proof' | 'node' | 'refused' | 'locked' | 'other'

export interface Reply {
  id: number
  value?: unknown
  /** The newest block that was seen. */
  seen?: { height: number; hash: string } | undefined
  error?: { kind: ErrorKind; code: string; message: string }
}
