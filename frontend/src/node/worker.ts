/** Checks proofs away from the page, so that it stays quick. */

import { LightClient, NodeError, ProofError, type LightClientOptions } from '@zarnitsa/light-client'

import type { Reading, Reply, Request } from './messages'

let client: LightClient | undefined

self.addEventListener('message', ({ data }: MessageEvent<Request>) => void answer(data))

async function answer(request: Request): Promise<void> {
  let reply: Reply
  try {
    reply = { id: request.id, value: await carryOut(request) }
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
  const read = client[request.method as Reading].bind(client) as (...args: unknown[]) => Promise<unknown>
  const value = await read(...request.args)
  return { ...(value as object), seen: client.seen }
}

function describe(error: unknown): NonNullable<Reply['error']> {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof ProofError) return { kind: 'proof', code: error.code, message }
  if (error instanceof NodeError) return { kind: 'node', code: error.code, message }
  return { kind: 'other', code: 'unknown', message }
}
