/** What the light client remembers of the ledger's head, so that it cannot be led back or aside. */

import type { ProvedBlock } from './block.js'
import { ProofError } from './errors.js'

/** The newest block seen. The caller may store it and give it back at the next start. */
export interface SeenHead {
  height: number
  hash: string
}

export class Head {
  #seen: SeenHead | undefined

  constructor(seen?: SeenHead) {
    this.#seen = seen
  }

  get seen(): SeenHead | undefined {
    return this.#seen
  }

  /** Takes a block that an answer rests on. Refuses one older than `since`, what was seen when the question was asked. */
  accept(block: ProvedBlock, since: SeenHead | undefined): void {
    if (since && block.height < since.height) {
      throw new ProofError('stale', `the answer is of block ${block.height}, block ${since.height} was seen before`)
    }
    const seen = this.#seen
    if (seen && block.height === seen.height && block.hash !== seen.hash) {
      throw new ProofError('fork', `two blocks of height ${block.height}: ${seen.hash} and ${block.hash}`)
    }
    if (!seen || block.height > seen.height) this.#seen = { height: block.height, hash: block.hash }
  }
}
