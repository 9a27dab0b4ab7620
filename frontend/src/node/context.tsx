/** The node as the pages see it: what is proved, and whether it may be trusted with a command. */

import { follow } from '@zarnitsa/light-client/page'
import {
  createContext,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
  type ReactNode,
} from 'react'

import { Answers, type State } from './answers'
import type { Api, Info } from './api'
import type { Answer, Lookup, OrderAnswer, OrderArgument, Ordering, Reading } from './messages'
import { keepEvent, keepSeen, seenEvent, seenHead } from './pin'
import { ReadError, startProver, type Prover } from './prover'
import { useSigner, type Signer } from './signer'
import { useText } from '../text'

export interface NodeState {
  api: Api
  prover: Prover
  answers: Answers
  info: Info
  signer: Signer
  /** Counts the ledger's changes: whoever shows something plain reads it again when this moves. */
  revision: number
  /** Undefined until it is known. */
  connected: boolean | undefined
  /** Whether the session's token commands too: sends on chain and peers need it. */
  mayCommand: boolean
  /** Why nothing may be spent: an answer was not proved. It stays until the page is loaded anew. */
  distrust: ReadError | undefined
  /** Why the node itself takes no orders: its ledger is an older copy. */
  alarm: string | undefined
  suspect(error: ReadError): void
  refresh(): void
}

/** Milliseconds after which the node is asked how it is, even where the ledger stands still. */
const INFO_EVERY = 15_000

export const NodeContext = createContext<NodeState | undefined>(undefined)

export function useNode(): NodeState {
  const node = useContext(NodeContext)
  if (!node) throw new Error('outside of NodeProvider')
  return node
}

export function NodeProvider(props: { api: Api; info: Info; validatorKey: string; children: ReactNode }) {
  const { api, validatorKey, children } = props
  const { t } = useText()
  const [info, setInfo] = useState(props.info)
  const [revision, setRevision] = useState(0)
  const [connected, setConnected] = useState<boolean>()
  const [distrust, setDistrust] = useState<ReadError>()
  const [mayCommand, setMayCommand] = useState(false)
  const [prover, setProver] = useState<Prover>()
  const suspect = useCallback((error: ReadError) => setDistrust((known) => known ?? error), [])
  const [answers] = useState(() => new Answers(suspect))
  const signer = useSigner(prover, t.wrongKey)

  const refresh = useCallback(() => {
    answers.refresh()
    setRevision((count) => count + 1)
  }, [answers])

  useEffect(() => {
    const started = startProver({ url: location.origin, validatorKey, seen: seenHead() }, keepSeen)
    started.tell(info.ledger_height)
    setProver(started)
    return () => started.close()
    // The height at the beginning: later ones come with the events.
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- a new info must not start a new worker
  }, [validatorKey])

  useEffect(() => {
    const look = () =>
      void api.info().then(
        // The same answer is the same object: whoever shows it is not drawn anew for nothing.
        (answer) => setInfo((known) => (JSON.stringify(known) === JSON.stringify(answer) ? known : answer)),
        () => undefined,
      )
    const timer = setInterval(look, INFO_EVERY)
    if (revision > 0) look()
    return () => clearInterval(timer)
  }, [api, revision])

  useEffect(() => {
    api.session().then(
      ({ access }) => setMayCommand(access === 'command'),
      () => undefined,
    )
  }, [api])

  useEffect(() => {
    if (!prover) return
    let due: ReturnType<typeof setTimeout> | undefined
    const stream = follow(api.transport, {
      after: seenEvent(),
      onState: setConnected,
      onEvent: ({ ledgerHeight }) => {
        prover.tell(ledgerHeight)
        // A payment is several events: one reading for all of them.
        due ??= setTimeout(() => {
          due = undefined
          keepEvent(stream.last)
          refresh()
        }, 250)
      },
    })
    return () => {
      clearTimeout(due)
      stream.close()
    }
  }, [api, prover, refresh])

  const alarm = info.alarm ?? undefined
  const node = useMemo(
    () =>
      prover && { api, prover, answers, info, signer, revision, connected, mayCommand, distrust, alarm, suspect, refresh },
    [api, prover, answers, info, signer, revision, connected, mayCommand, distrust, alarm, suspect, refresh],
  )
  return node && <NodeContext value={node}>{children}</NodeContext>
}

/** What a reading has come to. */
export type Proof<R extends Reading> = State<Answer<R>>

/** Reads with a proof, again whenever the ledger changes. */
export function useProved<R extends Reading>(method: R, ...args: (string | number)[]): Proof<R> {
  return useAsked(method, args, false) as Proof<R>
}

/** Looks up what never changes: a block, a transaction. Nothing is asked while an argument is undefined. */
export function useLookup<L extends Exclude<Lookup, 'receipt'>>(
  method: L,
  ...args: (string | number | undefined)[]
): State<Answer<L>> {
  return useAsked(method, args, true) as State<Answer<L>>
}

function useAsked(method: Reading | Lookup, args: (string | number | undefined)[], lasting: boolean): State<unknown> {
  const { prover, answers } = useNode()
  const question = JSON.stringify([method, args])
  const watch = useCallback(
    (listener: () => void) => {
      const [, asked] = JSON.parse(question) as [string, (string | number | null)[]]
      if (asked.includes(null)) return () => undefined
      return answers.watch(question, () => prover.read(method, ...asked), lasting, listener)
    },
    [prover, answers, question, method, lasting],
  )
  return useSyncExternalStore(watch, () => answers.get(question))
}

/** What a plain endpoint gave: the newest answer, and why there is none that is newer. */
export interface Fetched<T> {
  answer: T | undefined
  error: unknown
}

/** Reads a plain endpoint, again whenever the ledger changes and every so many milliseconds. */
export function usePlain<T>(read: () => Promise<T>, every?: number): T | undefined {
  return useFetched(read, every).answer
}

/** The same for who says too why there is no answer. */
export function useFetched<T>(read: () => Promise<T>, every?: number): Fetched<T> {
  const { revision } = useNode()
  const [value, setValue] = useState<Fetched<T>>({ answer: undefined, error: undefined })
  const [round, setRound] = useState(0)
  useEffect(() => {
    if (every === undefined) return
    const timer = setInterval(() => setRound((count) => count + 1), every)
    return () => clearInterval(timer)
  }, [every])
  useEffect(() => {
    let isCurrent = true
    read().then(
      (answer) => isCurrent && setValue({ answer, error: undefined }),
      (error: unknown) => isCurrent && setValue(({ answer }) => ({ answer, error })),
    )
    return () => {
      isCurrent = false
    }
  }, [read, revision, round])
  return value
}

/** Gives an order: asks for the key where it is not at hand, and never while the node is distrusted. */
export function useOrder(): <O extends Ordering>(
  ordering: O,
  argument: OrderArgument<O>,
) => Promise<OrderAnswer<O>> {
  const { prover, signer, suspect, refresh } = useNode()
  return useCallback(
    async <O extends Ordering>(ordering: O, argument: OrderArgument<O>): Promise<OrderAnswer<O>> => {
      await signer.ready()
      try {
        return (await prover.order(ordering, argument)) as OrderAnswer<O>
      } catch (error) {
        if (error instanceof ReadError && error.kind === 'proof') suspect(error)
        throw error
      } finally {
        refresh()
      }
    },
    [prover, signer, suspect, refresh],
  )
}
