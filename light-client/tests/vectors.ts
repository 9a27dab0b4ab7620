/** The vectors that the ledger made: `tests/vectors/light_client.json`. */

import { readFileSync } from 'node:fs'

import type { Json } from '../src/json.js'

interface Vectors {
  validator_key: string
  operator_key: string
  transactions: Record<string, { body: string; hash: string }>
  outcomes: Record<string, { transaction: Json; call_status: Json & { block: Json; call_proof: Json } }>
  list: { root: string; proof: Json & { entries: [number, string][] } }
  proofs: Record<string, Json & { block_proof: Json & { block: Json; precommits: string[] }; to_table: Json }>
}

const file = new URL('../../tests/vectors/light_client.json', import.meta.url)

/** A copy: tests may spoil it. */
export function vectors(): Vectors {
  return JSON.parse(readFileSync(file, 'utf8')) as Vectors
}

export function proof(name: string): Vectors['proofs'][string] {
  const found = vectors().proofs[name]
  if (!found) throw new Error(`no proof ${name} among the vectors`)
  return found
}

export const bytes = (byte: number, count = 32) => new Uint8Array(count).fill(byte)
export const id = (byte: number) => byte.toString(16).padStart(2, '0').repeat(32)
