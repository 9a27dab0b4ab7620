/** The light client in its worker. */

import type { LightClientOptions, SeenHead } from '@zarnitsa/light-client'

import type { Answer, Reading, Reply, Request } from './messages'

/** Why there is no answer. `proof`: the node's answer is not proved, and must not be acted on. */
export class ReadError extends Error {
  constructor(
    readonly kind: 'proof' | 'node' | 'other',
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}

export interface Prover {
  read<R extends Reading>(method: R, ...args: unknown[]): Promise<Answer<R>>
  close(): void
}

export function startProver(options: Omit<LightClientOptions, 'fetch'>, onSeen: (head: SeenHead) => void): Prover {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  let last = 0

  const call = (method: Request['method'], args: unknown[]) =>
    new Promise<unknown>((resolve, reject) => {
      const id = ++last
      waiting.set(id, { resolve, reject })
      worker.postMessage({ id, method, args } satisfies Request)
    })
  worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
    const waiter = waiting.get(data.id)
    waiting.delete(data.id)
    if (data.error) waiter?.reject(new ReadError(data.error.kind, data.error.code, data.error.message))
    else waiter?.resolve(data.value)
  })
  worker.addEventListener('error', ({ message }) => {
    for (const { reject } of waiting.values()) reject(new ReadError('other', 'worker', message))
    waiting.clear()
  })
  const started = call('start', [options])

  return {
    async read<R extends Reading>(method: R, ...args: unknown[]): Promise<Answer<R>> {
      await started
      const { seen, ...answer } = (await call(method, args)) as Answer<R> & { seen: SeenHead }
      onSeen(seen)
      return answer as Answer<R>
    },
    close: () => worker.terminate(),
  }
}
