/** Why an answer of the node is not believed. */
export type ProofErrorCode =
  /** The answer is not of the shape that a proof has. */
  | 'malformed'
  /** The block is not signed by the pinned key. */
  | 'signature'
  /** A hash does not follow from what is under it. */
  | 'mismatch'
  /** The proof is valid and proves something else than what was asked. */
  | 'other_question'
  /** The block is older than one that was seen before. */
  | 'stale'
  /** Two different blocks of one height are signed: the ledger's history was changed. */
  | 'fork'

/** An answer of the node is not proved. Whoever gets this must not act on the answer. */
export class ProofError extends Error {
  override readonly name = 'ProofError'

  constructor(
    readonly code: ProofErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** The node refused a request, or did not answer. */
export class NodeError extends Error {
  override readonly name = 'NodeError'

  constructor(
    /** HTTP status; 0 where there was no answer. */
    readonly status: number,
    /** The stable code of the problem, for programs: the node's own, or `unreachable`. */
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}

/** The transaction is in the ledger, and the service refused it. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'

  constructor(
    readonly txHash: string,
    readonly description: string,
  ) {
    super(`the ledger refused transaction ${txHash}: ${description}`)
  }
}
