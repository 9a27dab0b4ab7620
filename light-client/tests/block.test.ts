import { expect, test } from 'vitest'

import { verifyBlock } from '../src/index.js'
import { id, proof, vectors } from './vectors.js'

const key = vectors().validator_key

function code(check: () => unknown): string {
  try {
    check()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'accepted'
}

test('block that the ledger sealed is accepted', () => {
  const block = verifyBlock(proof('policy').block_proof, key)
  expect(block.height).toBeGreaterThan(0)
  expect(block.stateHash).toBe(proof('policy').block_proof.block.state_hash)
  expect(Math.abs(Date.now() - block.time.getTime())).toBeGreaterThanOrEqual(0)
})

test('block signed by another key is refused', () => {
  expect(code(() => verifyBlock(proof('policy').block_proof, id(1)))).toBe('signature')
})

test.each(['height', 'tx_count', 'prev_hash', 'tx_hash', 'state_hash', 'error_hash'])(
  'block with another %s is refused',
  (field) => {
    const { block_proof } = proof('policy')
    const value = block_proof.block[field]
    block_proof.block[field] = typeof value === 'number' ? value + 1 : id(1)
    expect(code(() => verifyBlock(block_proof, key))).toBe('signature')
  },
)

test('block with another epoch is refused', () => {
  const { block_proof } = proof('policy')
  const { headers } = block_proof.block.additional_headers as { headers: Record<string, number[]> }
  headers.epoch = [77, 0, 0, 0, 0, 0, 0, 0]
  expect(code(() => verifyBlock(block_proof, key))).toBe('signature')
})

test('block with a spoiled, missing or doubled signature is refused', () => {
  const { block_proof } = proof('policy')
  const [precommit = ''] = block_proof.precommits
  const spoiled = precommit.slice(0, -1) + (precommit.endsWith('0') ? '1' : '0')
  for (const precommits of [[spoiled], [], [precommit, precommit]]) {
    expect(code(() => verifyBlock({ ...block_proof, precommits }, key))).toBe('signature')
  }
})

test.each([null, [], {}, { block: {}, precommits: [] }, { block: { height: 2 ** 53 } }, 'block'])(
  'what is no block is refused: %j',
  (value) => {
    expect(code(() => verifyBlock(value, key))).toBe('malformed')
  },
)
