/** The light client in its worker. */

import type { LightClientOptions, SeenHead } from '@zarnitsa/light-client'

import type { Answer, ErrorKind, Lookup, OrderAnswer, OrderArgument, Ordering, Reading, Reply, Request } from './messages'

/** Why there is no answer. `proof`: the node's answer is not proved, and must not be acted on. */
export class ReadError extends Error {
  constructor(
    readonly kind: ErrorKind,
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}

export interface Prover {
  read<R extends Reading | Lookup>(method: R, ...args: unknown[]): Promise<Answer<R>>
  /** The node says, unproved, that its ledger has come so far. */
  tell(height: number): void
  /** Gives the operator's seed away, and answers with its public key. */
  unlock(seed: Uint8Array): Promise<string>
  lock(): void
  order<O extends Ordering>(ordering: O, argument: OrderArgument<O>): Promise<OrderAnswer<O>>
  close(): void
}

type Asked = Request extends infer R ? (R extends Request ? Omit<R, 'id'> : never) : never

export function startProver(options: Omit<LightClientOptions, 'fetch'>, onSeen: (head: SeenHead) => void): Prover {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  let last = 0

  const call = (request: Asked, transfer: Transferable[] = []) =>
    new Promise<unknown>((resolve, reject) => {
      const id = ++last
      waiting.set(id, { resolve, reject })
      worker.postMessage({ ...request, id }, transfer)
    })
  worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
    const waiter = waiting.get(data.id)
    waiting.delete(data.id)
    if (data.seen) onSeen(data.seen)
    if (data.error) waiter?.reject(new ReadError(data.error.kind, data.error.code, data.error.message))
    else waiter?.resolve(data.value)
  })
  worker.addEventListener('error', ({ message }) => {
    for (const { reject } of waiting.values()) reject(new ReadError('other', 'worker', message))
    waiting.clear()
  })
  // Messages arrive in order: whatever is asked is asked after this.
  void call({ method: 'start', args: [options] })

  return {
    read: <R extends Reading | Lookup>(reading: R, ...args: unknown[]) =>
      call({ method: 'read', reading, args }) as Promise<Answer<R>>,
    tell: (height) => void call({ method: 'tell', height }),
    unlock: (seed) => call({ method: 'unlock', seed }, [seed.buffer as ArrayBuffer]) as Promise<string>,
    lock: () => void call({ method: 'lock' }),
    order: <O extends Ordering>(ordering: O, argument: OrderArgument<O>) =>
      call({ method: 'order', ordering, argument }) as Promise<OrderAnswer<O>>,
    close: () => worker.terminate(),
  }
}
