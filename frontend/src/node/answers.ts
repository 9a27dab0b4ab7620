/** Answers as the pages share them: asked once for all who show them, and again when the ledger has grown. */

import { ReadError } from './prover'

/** What a question has come to. */
export type State<T> =
  | { state: 'checking'; answer: T | undefined }
  | { state: 'proved'; answer: T }
  /** The node's answer is not proved. */
  | { state: 'refuted'; answer: undefined; error: ReadError }
  /** There is no answer now; an older one may still be shown. */
  | { state: 'unavailable'; answer: T | undefined; error: unknown }

interface Entry {
  current: State<unknown>
  ask: () => Promise<unknown>
  listeners: Set<() => void>
  /** Its answer is on its way. */
  busy: boolean
  /** The ledger has grown since it was asked. */
  overtaken: boolean
  lasting: boolean
}

const CHECKING: State<never> = { state: 'checking', answer: undefined }

export class Answers {
  readonly #entries = new Map<string, Entry>()
  readonly #onRefuted: (error: ReadError) => void

  constructor(onRefuted: (error: ReadError) => void) {
    this.#onRefuted = onRefuted
  }

  get(question: string): State<unknown> {
    return this.#entries.get(question)?.current ?? CHECKING
  }

  /** Watches a question; it is asked where it was not. `lasting` answers never change and are not asked again. */
  watch(question: string, ask: () => Promise<unknown>, lasting: boolean, listener: () => void): () => void {
    let entry = this.#entries.get(question)
    const isIdle = entry === undefined || entry.listeners.size === 0
    if (!entry) {
      entry = { current: CHECKING, ask, listeners: new Set(), busy: false, overtaken: false, lasting }
      this.#entries.set(question, entry)
    }
    const watched = entry
    watched.ask = ask
    watched.listeners.add(listener)
    if (isIdle && !(lasting && watched.current.state === 'proved')) this.#put(watched)
    return () => watched.listeners.delete(listener)
  }

  /** The ledger has grown: whatever is being shown is asked again. */
  refresh(): void {
    for (const entry of this.#entries.values()) {
      if (entry.listeners.size === 0) continue
      if (!entry.lasting || entry.current.state !== 'proved') this.#put(entry)
    }
  }

  /** Asks, once at a time: a ledger that grows faster than proofs are checked does not pile questions up. */
  #put(entry: Entry): void {
    if (entry.busy) {
      entry.overtaken = true
      return
    }
    entry.busy = true
    entry.overtaken = false
    entry
      .ask()
      .then(
        (answer): State<unknown> => ({ state: 'proved', answer }),
        (error: unknown) => this.#failed(entry, error),
      )
      .then((next) => {
        entry.current = next
        entry.busy = false
        for (const listener of entry.listeners) listener()
        if (entry.overtaken && entry.listeners.size > 0) this.#put(entry)
      })
  }

  #failed(entry: Entry, error: unknown): State<unknown> {
    if (error instanceof ReadError && error.kind === 'proof') {
      this.#onRefuted(error)
      return { state: 'refuted', answer: undefined, error }
    }
    return { state: 'unavailable', answer: entry.current.answer, error }
  }
}
