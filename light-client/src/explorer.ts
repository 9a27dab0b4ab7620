/** Blocks and transactions of the ledger, by Exonum's explorer. */

import { verifyBlock, type ProvedBlock } from './block.js'
import { ProofError, RefusedError } from './errors.js'
import type { Head } from './head.js'
import { count, hex, list, object, type Json } from './json.js'
import { readLedgerTransaction, type LedgerTransaction } from './ledger-transaction.js'
import { MAX_BLOCKS } from './limits.js'
import { callSucceeded, verifyLocation, verifyWholeList } from './proofs.js'
import type { Transport } from './transport.js'

/** A transaction that is in the ledger and that the service accepted. */
export interface Committed {
  txHash: string
  position: number
  block: ProvedBlock
}

/** A block and the transactions in it. */
export interface BlockContent {
  block: ProvedBlock
  /** Hashes, in their order: proved to be all that the block has. */
  transactions: string[]
}

/** A transaction with its place and its outcome. */
export interface ProvedTransaction {
  transaction: LedgerTransaction
  position: number
  block: ProvedBlock
  succeeded: boolean
  /** What the service said where it refused. That it did is proved; these words are the node's. */
  refusal: string
}

const EXPLORER = '/api/explorer/v1'

export class Explorer {
  readonly #transport: Transport
  readonly #validatorKey: string
  readonly #head: Head

  constructor(transport: Transport, validatorKey: string, head: Head) {
    this.#transport = transport
    this.#validatorKey = validatorKey
    this.#head = head
  }

  /** A block by its height, with its signature checked and its list of transactions proved. */
  async block(height: number): Promise<BlockContent> {
    // The explorer writes the header's fields beside the precommits and the transactions.
    const { precommits, txs, ...header } = object(await this.#get(`/block?height=${count(height, 'height')}`), 'block')
    const block = this.#verify({ block: header, precommits })
    if (block.height !== height) throw new ProofError('other_question', `asked for block ${height}`)
    const transactions = list(txs, 'txs').map((entry) => hex(object(entry, 'transaction').tx_hash, 'transaction hash', 32))
    if (transactions.length !== block.txCount) throw new ProofError('other_question', 'transactions were left out')
    verifyWholeList(transactions, block.txHash)
    return { block, transactions }
  }

  /**
   * `limit` blocks from height `latest` down, the newest first: each is signed, and each names the one before it.
   * Genesis is signed by nobody and not among them.
   */
  async blocks(latest: number, limit: number): Promise<ProvedBlock[]> {
    const wanted = Math.min(count(limit, 'limit'), MAX_BLOCKS, count(latest, 'latest'))
    if (wanted === 0) return []
    const earliest = latest - wanted + 1
    const query = `/blocks?count=${wanted}&latest=${latest}&earliest=${earliest}&add_precommits=true`
    const { blocks: answered } = object(await this.#get(query), 'blocks')
    const blocks = list(answered, 'blocks').map((entry) => {
      const { precommits, ...header } = object(entry, 'block')
      return this.#verify({ block: header, precommits })
    })
    const isWhole = blocks.length === wanted && blocks.every(({ height }, at) => height === latest - at)
    if (!isWhole) throw new ProofError('other_question', 'blocks were left out')
    for (const [at, block] of blocks.entries()) {
      const next = blocks[at - 1]
      if (next && next.prevHash !== block.hash) {
        throw new ProofError('fork', `block ${block.height} is not the one before block ${next.height}`)
      }
    }
    return blocks
  }

  /** Submits a signed transaction; answers once its block is on disk. */
  async submit(body: string, hash: string): Promise<void> {
    const answer = object(await this.#transport.post(`${EXPLORER}/transactions`, { tx_body: body }), 'answer')
    if (answer.tx_hash !== hash) throw new ProofError('other_question', 'the node took another transaction')
  }

  /** A transaction: what it says, where it stands and how it ended, all of it proved. */
  async transaction(txHash: string): Promise<ProvedTransaction> {
    const info = object(await this.#get(`/transactions?hash=${hex(txHash, 'transaction hash', 32)}`), 'transaction')
    const transaction = readLedgerTransaction(hex(info.message, 'message'))
    if (transaction.hash !== txHash) throw new ProofError('other_question', 'the node gave another transaction')
    const placed = await this.#outcome(txHash, info)
    return { transaction, ...placed, refusal: placed.succeeded ? '' : describe(info.status) }
  }

  /** Proves that a transaction is in the ledger and that it succeeded. Errors: {@link RefusedError}. */
  async committed(txHash: string): Promise<Committed> {
    const info = object(await this.#get(`/transactions?hash=${hex(txHash, 'transaction hash', 32)}`), 'transaction')
    const { succeeded, ...placed } = await this.#outcome(txHash, info)
    if (!succeeded) throw new RefusedError(txHash, describe(info.status))
    return { txHash, ...placed }
  }

  async #outcome(txHash: string, info: Json): Promise<{ position: number; block: ProvedBlock; succeeded: boolean }> {
    const location = object(info.location, 'location')
    const position = count(location.position_in_block, 'position_in_block')
    const proof = object(await this.#get(`/call_status/transaction?hash=${txHash}&with_proof=true`), 'call proof')
    const block = this.#verify(proof)
    if (block.height !== location.block_height) throw new ProofError('other_question', 'the proof is of another block')
    verifyLocation(info.location_proof, block.txHash, txHash, position)
    const succeeded = outcome(info.status, () =>
      callSucceeded(proof.call_proof, block.errorHash, position, block.txCount),
    )
    this.#head.accept(block, undefined)
    return { position, block, succeeded }
  }

  async #get(path: string): Promise<unknown> {
    return this.#transport.get(EXPLORER + path)
  }

  #verify(proof: unknown): ProvedBlock {
    return verifyBlock(proof, this.#validatorKey)
  }
}

/** Whether the transaction succeeded: the block proves either, and the node must say the same. */
function outcome(status: unknown, isProved: () => boolean): boolean {
  const said = object(status, 'status').type === 'success'
  const proved = isProved()
  if (said === proved) return proved
  const word = (succeeded: boolean) => (succeeded ? 'succeeded' : 'failed')
  throw new ProofError('mismatch', `the node says that the transaction ${word(said)}, the block says that it ${word(proved)}`)
}

function describe(status: unknown): string {
  const { description } = object(status, 'status')
  return typeof description === 'string' && description !== '' ? description : 'the service refused it'
}
