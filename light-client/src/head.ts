/** What the light client remembers of the ledger's head, so that it cannot be led back or aside. */

import type { ProvedBlock } from './block.js'
import { ProofError } from './errors.js'

/** The newest block seen. The caller may store it and give it back at the next start. */
export interface SeenHead {
  height: number
  hash: string
}

/** What an answer must not be older than, noted when the question is asked. */
export interface Since {
  seen: SeenHead | undefined
  told: number
}

export class Head {
  #seen: SeenHead | undefined
  #told = 0

  constructor(seen?: SeenHead) {
    this.#seen = seen
  }

  get seen(): SeenHead | undefined {
    return this.#seen
  }

  get since(): Since {
    return { seen: this.#seen, told: this.#told }
  }

  /** The node says, without a proof, that its ledger has come so far: then its answers must have too. */
  tell(height: number): void {
    this.#told = Math.max(this.#told, height)
  }

  /** Takes a block that an answer rests on. Refuses one older than `since`, what was known when the question was asked. */
  accept(block: ProvedBlock, since: Since | undefined): void {
    const least = Math.max(since?.seen?.height ?? 0, since?.told ?? 0)
    if (block.height < least) {
      throw new ProofError('stale', `the answer is of block ${block.height}, block ${least} was there before`)
    }
    const seen = this.#seen
    if (seen && block.height === seen.height && block.hash !== seen.hash) {
      throw new ProofError('fork', `two blocks of height ${block.height}: ${seen.hash} and ${block.hash}`)
    }
    if (!seen || block.height > seen.height) this.#seen = { height: block.height, hash: block.hash }
  }
}
