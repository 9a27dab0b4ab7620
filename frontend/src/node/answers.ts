/** Answers as the pages share them: asked once for all who show them, and again when the ledger has grown. */

import { ReadError } from './prover'

/** What a question has come to. */
export type State<T> =
  | { state: 'checking'; answer: T | undefined }
  | { state: 'proved'; answer: T }
  /** The node's answer is not proved. */
  | { state: 'refuted'; answer: undefined; reason: string }
  /** There is no answer now; an older one may still be shown. */
  | { state: 'unavailable'; answer: T | undefined; reason: string }

interface Entry {
  current: State<unknown>
  ask: () => Promise<unknown>
  listeners: Set<() => void>
  /** Of the question whose answer counts: a later one makes it void. */
  turn: number
  lasting: boolean
}

const CHECKING: State<never> = { state: 'checking', answer: undefined }

export class Answers {
  readonly #entries = new Map<string, Entry>()
  readonly #onRefuted: (reason: string) => void

  constructor(onRefuted: (reason: string) => void) {
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
      entry = { current: CHECKING, ask, listeners: new Set(), turn: 0, lasting }
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

  #put(entry: Entry): void {
    const turn = ++entry.turn
    const settle = (next: State<unknown>) => {
      if (turn !== entry.turn) return
      entry.current = next
      for (const listener of entry.listeners) listener()
    }
    entry.ask().then(
      (answer) => settle({ state: 'proved', answer }),
      (error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error)
        if (error instanceof ReadError && error.kind === 'proof') {
          this.#onRefuted(reason)
          settle({ state: 'refuted', answer: undefined, reason })
        } else {
          settle({ state: 'unavailable', answer: entry.current.answer, reason })
        }
      },
    )
  }
}
