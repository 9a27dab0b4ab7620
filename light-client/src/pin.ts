/**
 * The pinned key: the one thing that nobody may learn from the node that is being checked.
 *
 * It comes from the node's own terminal, by its link or by a person's eyes, is kept, and a node that shows another one
 * is not let pass in silence.
 */

import { isHex } from './hex.js'

/** Where the key is kept: `localStorage`, or anything like it. */
export interface PinStore {
  getItem(name: string): string | null
  setItem(name: string, value: string): void
  removeItem(name: string): void
}

/** How a key that a node shows compares with the pinned one. */
export type PinVerdict = 'same' | 'unknown' | 'changed'

export class Pin {
  readonly #store: PinStore
  readonly #name: string

  /** `scope` tells nodes apart that share a store. */
  constructor(store: PinStore, scope = '') {
    this.#store = store
    this.#name = `zarnitsa.validator-key${scope}`
  }

  /** The pinned key, if there is one. */
  get key(): string | undefined {
    const stored = this.#store.getItem(this.#name)
    return isHex(stored, 32) ? stored : undefined
  }

  /** Says what is to be thought of a key that a node shows. Changes nothing. */
  check(shown: string): PinVerdict {
    if (this.key === undefined) return 'unknown'
    return this.key === shown ? 'same' : 'changed'
  }

  /** Pins a key that a person vouched for. */
  keep(key: string): void {
    if (!isHex(key, 32)) throw new TypeError('the validator key is not 32 bytes of hex')
    this.#store.setItem(this.#name, key)
  }

  forget(): void {
    this.#store.removeItem(this.#name)
  }
}
