/** A node for the pages to stand on: answers are the test's own. */

import { vi } from 'vitest'

import { Answers } from '../src/node/answers'
import { Api, type Info } from '../src/node/api'
import type { NodeState } from '../src/node/context'
import type { Prover } from '../src/node/prover'
import type { Signer } from '../src/node/signer'

export const NODE_ID = `02${'ab'.repeat(32)}`

export const info: Info = {
  node_id: NODE_ID,
  alias: 'alice',
  uri: `${NODE_ID}@127.0.0.1:9735`,
  role: 'user',
  network: 'regtest',
  block_height: 120,
  ledger_height: 7,
  ledger_hash: '01'.repeat(32),
  validator_key: 'cd'.repeat(32),
  version: '0.1.0',
  chain_available: true,
}

const never = () => new Promise<never>(() => undefined)

export function signer(more: Partial<Signer> = {}): Signer {
  return {
    state: 'unlocked',
    publicKey: 'ef'.repeat(32),
    asking: false,
    ready: () => Promise.resolve(),
    cancel: () => undefined,
    bring: () => Promise.resolve(),
    unlock: () => Promise.resolve(true),
    lock: () => undefined,
    forget: () => undefined,
    ...more,
  }
}

/** The plain endpoints: what is not given is never answered. */
export function api(answers: Partial<Record<keyof Api, unknown>> = {}): Api {
  const made = new Api('http://node')
  made.names = never
  const names = ['info', 'session', 'balance', 'channels', 'payments', 'policy', 'peers', 'asks', 'tower', 'wallet', 'fees', 'log', 'network'] as const
  for (const name of names) {
    const answer = answers[name]
    ;(made as unknown as Record<string, unknown>)[name] = answer === undefined ? never : () => Promise.resolve(answer)
  }
  return made
}

interface Given extends Partial<Omit<NodeState, 'prover' | 'answers'>> {
  read?: Prover['read']
  order?: Prover['order']
}

export function node({ read = never as Prover['read'], order = never as Prover['order'], ...more }: Given = {}): NodeState {
  const suspect = more.suspect ?? vi.fn()
  const prover: Prover = {
    read,
    order,
    tell: () => undefined,
    unlock: () => Promise.resolve(''),
    lock: () => undefined,
    close: () => undefined,
  }
  return {
    api: api({ info }),
    prover,
    answers: new Answers(suspect),
    info,
    signer: signer(),
    revision: 0,
    connected: true,
    mayCommand: true,
    distrust: undefined,
    alarm: undefined,
    suspect,
    refresh: () => undefined,
    ...more,
  }
}
