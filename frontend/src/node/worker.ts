/** Checks proofs away from the page, so that it stays quick; holds the operator's key away from it while it is unlocked. */

import {
  InvoiceError,
  keyPair,
  LightClient,
  NodeError,
  Operator,
  OrderError,
  ProofError,
  RefusedError,
  type KeyPair,
  type LightClientOptions,
} from '@zarnitsa/light-client'

import type { Reply, Request } from './messages'

let client: LightClient | undefined
let keys: KeyPair | undefined

self.addEventListener('message', ({ data }: MessageEvent<Request>) => void answer(data))

async function answer(request: Request): Promise<void> {
  let reply: Reply
  try {
    const value = await carryOut(request)
    reply = { id: request.id, value, seen: client?.seen }
  } catch (error) {
    reply = { id: request.id, error: describe(error) }
  }
  self.postMessage(reply)
}

async function carryOut(request: Request): Promise<unknown> {
  if (request.method === 'start') {
    client = new LightClient(request.args[0] as LightClientOptions)
    return undefined
  }
  if (!client) throw new Error('the light client is not started')
  switch (request.method) {
    case 'read': {
      const read = client[request.reading].bind(client) as (...args: unknown[]) => Promise<unknown>
      return read(...request.args)
    }
    case 'tell':
      return client.tell(request.height)
    case 'unlock':
      keys = keyPair(request.seed)
      request.seed.fill(0)
      return keys.publicKey
    case 'lock':
      keys = undefined
      return undefined
    case 'order': {
      if (!keys) throw new LockedError('the key is locked')
      const operator = new Operator(client, keys)
      const order = operator[request.ordering].bind(operator) as (argument: unknown) => Promise<unknown>
      return order(request.argument)
    }
  }
}

class LockedError extends Error {}

function describe(error: unknown): NonNullable<Reply['error']> {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof ProofError) return { kind: 'proof', code: error.code, message }
  if (error instanceof NodeError) return { kind: 'node', code: error.code, message }
  if (error instanceof RefusedError) return { kind: 'refused', code: 'refused', message: error.description }
  if (error instanceof OrderError) return { kind: 'refused', code: error.code, message }
  if (error instanceof InvoiceError) return { kind: 'refused', code: 'invoice', message }
  if (error instanceof LockedError) return { kind: 'locked', code: 'locked', message }
  return { kind: 'other', code: 'unknown', message }
}
