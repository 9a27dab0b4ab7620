/** What the page and the worker say to each other. */

import type { LightClient } from '@zarnitsa/light-client'

/** What can be read with a proof. */
export type Reading =
  | 'channels'
  | 'channel'
  | 'history'
  | 'payments'
  | 'payment'
  | 'invoices'
  | 'invoice'
  | 'policy'
  | 'newestBlocks'

export type Answer<R extends Reading> = Awaited<ReturnType<LightClient[R]>>

export interface Request {
  id: number
  method: Reading | 'start'
  args: unknown[]
}

export interface Reply {
  id: number
  value?: unknown
  error?: { kind: 'proof' | 'node' | 'other'; code: string; message: string }
}
