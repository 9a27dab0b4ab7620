/** Whether the operator's key is at hand, and asking a person for it when an order needs it. */

import { useCallback, useEffect, useMemo, useRef, useState } from 'react'

import { forgetKey, keepKey, keptKey, openKey } from './keyring'
import type { Prover } from './prover'

/** A key that nobody uses is locked after so long. */
const IDLE = 15 * 60_000

/** The person did not want to show the key. */
export class CancelledError extends Error {}

export interface Signer {
  /** `none`: no key was brought into this browser. */
  state: 'none' | 'locked' | 'unlocked'
  publicKey: string | undefined
  /** Somebody waits for the key: the dialog is to be shown. */
  asking: boolean
  /** Resolves once the key is unlocked; rejects with {@link CancelledError}. */
  ready(): Promise<void>
  cancel(): void
  /** Takes a seed into use, and keeps it encrypted. Error: it is not this node's operator's. */
  bring(seed: Uint8Array, passphrase: string): Promise<void>
  /** Whether the passphrase was right. */
  unlock(passphrase: string): Promise<boolean>
  lock(): void
  forget(): void
}

export function useSigner(prover: Prover | undefined, wrongKey: string): Signer {
  const [publicKey, setPublicKey] = useState(keptKey)
  const [isUnlocked, setUnlocked] = useState(false)
  const [asking, setAsking] = useState(false)
  const waiter = useRef<{ resolve: () => void; reject: (error: Error) => void }>(undefined)
  const idle = useRef<ReturnType<typeof setTimeout>>(undefined)

  const lock = useCallback(() => {
    prover?.lock()
    setUnlocked(false)
  }, [prover])
  const used = useCallback(() => {
    clearTimeout(idle.current)
    idle.current = setTimeout(lock, IDLE)
  }, [lock])
  useEffect(() => () => clearTimeout(idle.current), [])

  const opened = useCallback(() => {
    setUnlocked(true)
    setAsking(false)
    used()
    waiter.current?.resolve()
    waiter.current = undefined
  }, [used])

  const take = useCallback(
    async (seed: Uint8Array) => {
      if (!prover) throw new Error('not started')
      const key = await prover.unlock(seed.slice())
      const { operatorKey } = (await prover.read('config')).value
      if (key === operatorKey) return key
      prover.lock()
      throw new Error(wrongKey)
    },
    [prover, wrongKey],
  )

  return useMemo(
    () => ({
      state: publicKey === undefined ? 'none' : isUnlocked ? 'unlocked' : 'locked',
      publicKey,
      asking,
      lock,
      ready: () => {
        if (isUnlocked) {
          used()
          return Promise.resolve()
        }
        waiter.current?.reject(new CancelledError())
        setAsking(true)
        return new Promise<void>((resolve, reject) => {
          waiter.current = { resolve, reject }
        })
      },
      cancel: () => {
        setAsking(false)
        waiter.current?.reject(new CancelledError())
        waiter.current = undefined
      },
      bring: async (seed, passphrase) => {
        const key = await take(seed)
        await keepKey(seed, key, passphrase)
        seed.fill(0)
        setPublicKey(key)
        opened()
      },
      unlock: async (passphrase) => {
        const seed = await openKey(passphrase)
        if (!seed) return false
        await take(seed)
        seed.fill(0)
        opened()
        return true
      },
      forget: () => {
        lock()
        forgetKey()
        setPublicKey(undefined)
      },
    }),
    [publicKey, isUnlocked, asking, lock, used, take, opened],
  )
}
