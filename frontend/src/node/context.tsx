/** The node as the pages see it: what is proved, and whether it may be trusted with a command. */

import { follow } from '@zarnitsa/light-client'
import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from 'react'

import { Api, type Info } from './api'
import type { Answer, Reading } from './messages'
import { keepSeen, seenHead } from './pin'
import { ReadError, startProver, type Prover } from './prover'

export interface NodeState {
  api: Api
  prover: Prover
  info: Info
  /** Counts the ledger's changes: whoever shows something reads it again when this moves. */
  revision: number
  connected: boolean
  /** Why nothing may be spent: an answer was not proved. It stays until the page is loaded anew. */
  distrust: string | undefined
  suspect(reason: string): void
}

export const NodeContext = createContext<NodeState | undefined>(undefined)

export function useNode(): NodeState {
  const node = useContext(NodeContext)
  if (!node) throw new Error('outside of NodeProvider')
  return node
}

export function NodeProvider(props: { api: Api; info: Info; validatorKey: string; children: ReactNode }) {
  const { api, info, validatorKey, children } = props
  const [revision, setRevision] = useState(0)
  const [connected, setConnected] = useState(false)
  const [distrust, setDistrust] = useState<string>()
  const [prover, setProver] = useState<Prover>()
  const suspect = useCallback((reason: string) => setDistrust((known) => known ?? reason), [])

  useEffect(() => {
    const started = startProver({ url: location.origin, validatorKey, seen: seenHead() }, keepSeen)
    setProver(started)
    return () => started.close()
  }, [validatorKey])

  useEffect(() => {
    let due: ReturnType<typeof setTimeout> | undefined
    const refresh = () => {
      // A payment is several events: one reading for all of them.
      due ??= setTimeout(() => {
        due = undefined
        setRevision((count) => count + 1)
      }, 250)
    }
    const stream = follow(api.transport, { onEvent: refresh, onState: setConnected })
    return () => {
      clearTimeout(due)
      stream.close()
    }
  }, [api])

  const node = useMemo(
    () => prover && { api, prover, info, revision, connected, distrust, suspect },
    [api, prover, info, revision, connected, distrust, suspect],
  )
  return node && <NodeContext value={node}>{children}</NodeContext>
}

/** What a reading has come to. */
export type Proof<R extends Reading> =
  | { state: 'checking'; answer: Answer<R> | undefined }
  | { state: 'proved'; answer: Answer<R> }
  | { state: 'refuted'; answer: undefined; reason: string }
  | { state: 'unavailable'; answer: Answer<R> | undefined; reason: string }

/** Reads with a proof, again whenever the ledger changes. */
export function useProved<R extends Reading>(method: R, ...args: (string | number)[]): Proof<R> {
  const { prover, revision, suspect } = useNode()
  const [proof, setProof] = useState<Proof<R>>({ state: 'checking', answer: undefined })
  const question = JSON.stringify([method, args])

  useEffect(() => {
    let isCurrent = true
    const [, asked] = JSON.parse(question) as [R, (string | number)[]]
    prover.read(method, ...asked).then(
      (answer) => isCurrent && setProof({ state: 'proved', answer }),
      (error: unknown) => {
        if (!isCurrent) return
        const reason = error instanceof Error ? error.message : String(error)
        if (error instanceof ReadError && error.kind === 'proof') {
          suspect(reason)
          setProof({ state: 'refuted', answer: undefined, reason })
        } else {
          setProof(({ answer }) => ({ state: 'unavailable', answer, reason }))
        }
      },
    )
    return () => {
      isCurrent = false
    }
  }, [prover, revision, suspect, method, question])
  return proof
}

/** Reads a plain endpoint, again whenever the ledger changes. */
export function usePlain<T>(read: () => Promise<T>): T | undefined {
  const { revision } = useNode()
  const [value, setValue] = useState<T>()
  useEffect(() => {
    let isCurrent = true
    read().then(
      (answer) => isCurrent && setValue(answer),
      () => undefined,
    )
    return () => {
      isCurrent = false
    }
  }, [read, revision])
  return value
}
