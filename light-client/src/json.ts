/** Reading of JSON that a stranger may have written. */

import { ProofError } from './errors.js'
import { isHex } from './hex.js'

export type Json = Record<string, unknown>

export function object(value: unknown, what: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ProofError('malformed', `${what} is not an object`)
  }
  return value as Json
}

export function list(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw new ProofError('malformed', `${what} is not a list`)
  return value
}

export function hex(value: unknown, what: string, bytes?: number): string {
  if (!isHex(value, bytes)) throw new ProofError('malformed', `${what} is not hex${bytes ? ` of ${bytes} bytes` : ''}`)
  return value
}

/** A count or height: JSON numbers above 2^53 would be wrong already. */
export function count(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new ProofError('malformed', `${what} is not a count`)
  }
  return value
}
