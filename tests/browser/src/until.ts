/** Waiting for a condition outside of the browser: bounded, and with the reason for the last failure. */

import { setTimeout as pause } from 'node:timers/promises'

const LOOK_EVERY = 50

/** Looks until `look` gives something. An error of `look` counts as "not yet", and is told if it comes to nothing. */
export async function until<T>(what: string, look: () => Promise<T | undefined | false>, patience = 60_000): Promise<T> {
  const deadline = Date.now() + patience
  let trouble: unknown
  for (;;) {
    try {
      const found = await look()
      if (found !== undefined && found !== false) return found
      trouble = undefined
    } catch (error) {
      trouble = error
    }
    if (Date.now() >= deadline) throw new Error(`waited ${patience / 1000} s in vain: ${what}`, { cause: trouble })
    await pause(LOOK_EVERY)
  }
}
