import { expect, test } from 'vitest'

import { keyPair, LightClient, NodeError, ProofError, RefusedError, type LightClientOptions } from '../src/index.js'
import type { Json } from '../src/json.js'
import { bytes, id, proof, vectors } from './vectors.js'

const SERVICE = '/api/services/lightning/v1'
const operator = keyPair(bytes(1))

/** A node that answers from a table of paths. */
function client(answers: Record<string, unknown>, options: Partial<LightClientOptions> = {}) {
  const asked: string[] = []
  const send = async (url: string | URL | Request, init?: RequestInit) => {
    const path = String(url).replace('http://node', '')
    asked.push(`${init?.method ?? 'GET'} ${path}`)
    const answer = answers[path]
    if (answer instanceof Response) return answer
    return new Response(JSON.stringify(answer ?? { code: 'not_found', detail: 'no such thing' }), {
      status: answer === undefined ? 404 : 200,
    })
  }
  const light = new LightClient({
    url: 'http://node/',
    validatorKey: vectors().validator_key,
    fetch: send as typeof fetch,
    ...options,
  })
  return { light, asked }
}

test('invoices are read whole, with the block that proves them', async () => {
  const { light } = client({ [`${SERVICE}/invoices?proof=true`]: proof('invoices') })
  const { value, block, table } = await light.invoices()
  expect(value.complete).toBe(true)
  expect(value.items.map(({ status }) => status).sort()).toEqual(['cancelled', 'open'])
  expect(table.name).toBe('lightning.invoices')
  expect(light.seen).toEqual({ height: block.height, hash: block.hash })
})

test('absent invoice is undefined, by proof', async () => {
  const { light } = client({ [`${SERVICE}/invoices/${id(1)}?proof=true`]: proof('invoice_absent') })
  expect((await light.invoice(id(1))).value).toBeUndefined()
})

test('owner of the ledger and an order are read, and what was no order is proved to be none', async () => {
  const [open, policy] = [vectors().transactions.open_channel!.hash, vectors().transactions.policy!.hash]
  const { light } = client({
    [`${SERVICE}/config?proof=true`]: proof('config'),
    [`${SERVICE}/requests/${open}?proof=true`]: proof('request'),
    [`${SERVICE}/requests/${policy}?proof=true`]: proof('request_absent'),
  })
  expect((await light.config()).value).toMatchObject({ operatorKey: vectors().operator_key, network: 'regtest' })
  expect((await light.order(open)).value).toEqual({ kind: 'open_channel', status: 'pending', channelId: undefined, channels: [], reason: '' })
  expect((await light.order(policy)).value).toBeUndefined()
})

test('answer about another invoice is refused', async () => {
  const { light } = client({ [`${SERVICE}/invoices/${id(9)}?proof=true`]: proof('invoice') })
  await expect(light.invoice(id(9))).rejects.toMatchObject({ code: 'other_question' })
})

test('answer that carries no proof is refused', async () => {
  const { light } = client({ [`${SERVICE}/policy?proof=true`]: { base_fee_msat: '0' } })
  await expect(light.policy()).rejects.toBeInstanceOf(ProofError)
})

test('node of another key is refused', async () => {
  const { light } = client({ [`${SERVICE}/policy?proof=true`]: proof('policy') }, { validatorKey: id(1) })
  await expect(light.policy()).rejects.toMatchObject({ code: 'signature' })
})

test('answer older than what was seen is refused, and another block of its height is a fork', async () => {
  const answers = { [`${SERVICE}/policy?proof=true`]: proof('policy') }
  const { height, hash } = (await client(answers).light.policy()).block
  const newer = client(answers, { seen: { height: height + 1, hash } })
  await expect(newer.light.policy()).rejects.toMatchObject({ code: 'stale' })
  const other = client(answers, { seen: { height, hash: id(1) } })
  await expect(other.light.policy()).rejects.toMatchObject({ code: 'fork' })
})

function explorer(name: string, status = vectors().outcomes[name]!.call_status) {
  const { hash } = vectors().transactions[name]!
  return {
    '/api/explorer/v1/transactions': { tx_hash: hash },
    [`/api/explorer/v1/transactions?hash=${hash}`]: vectors().outcomes[name]!.transaction,
    [`/api/explorer/v1/call_status/transaction?hash=${hash}&with_proof=true`]: status,
  }
}

/** The newest blocks of the vectors, as the explorer lists them. */
function listed() {
  const { block_proof } = proof('policy')
  const known = Object.values(vectors().outcomes).map(({ call_status: { block, precommits } }) => ({ ...block, precommits }))
  const blocks = new Map([...known, { ...block_proof.block, precommits: block_proof.precommits }].map((b: Json) => [b.height, b]))
  const height = Number(block_proof.block.height)
  const newest = [height, height - 1, height - 2].map((at) => blocks.get(at))
  const path = `/api/explorer/v1/blocks?count=3&latest=${height}&earliest=${height - 2}&add_precommits=true`
  return { height, newest, ask: (list: unknown[]) => ({ [`${SERVICE}/policy?proof=true`]: proof('policy'), [path]: { blocks: list } }) }
}

test('newest blocks are each signed and each follow the one before', async () => {
  const { height, newest, ask } = listed()
  const { value } = await client(ask(newest)).light.newestBlocks(3)
  expect(value.map((block) => block.height)).toEqual([height, height - 1, height - 2])
})

test('list of blocks with one left out, doubled, changed or in another order is refused', async () => {
  const { newest, ask } = listed()
  const [first, second, third] = newest
  for (const list of [[first, second], [first, third, second], [first, second, second]]) {
    await expect(client(ask(list)).light.newestBlocks(3)).rejects.toMatchObject({ code: 'other_question' })
  }
  const changed = [first, { ...second, prev_hash: id(1) }, third]
  await expect(client(ask(changed)).light.newestBlocks(3)).rejects.toMatchObject({ code: 'signature' })
})

test('block is shown with all its transactions, and with no others', async () => {
  const { call_status } = vectors().outcomes.policy!
  const { hash } = vectors().transactions.policy!
  const { block, precommits } = call_status
  const height = Number(block.height)
  const ask = (txs: unknown[]) => client({ [`/api/explorer/v1/block?height=${height}`]: { ...block, precommits, txs: txs.map((tx_hash) => ({ tx_hash })) } })
  expect((await ask([hash]).light.block(height)).transactions).toEqual([hash])
  for (const txs of [[], [hash, hash]]) {
    await expect(ask(txs).light.block(height)).rejects.toMatchObject({ code: 'other_question' })
  }
  await expect(ask([id(1)]).light.block(height)).rejects.toMatchObject({ code: 'mismatch' })
})

test('transaction of the ledger is read with what it says and how it ended', async () => {
  const { hash } = vectors().transactions.payment!
  const { transaction, succeeded } = await client(explorer('payment')).light.transaction(hash)
  expect(transaction).toMatchObject({ hash, method: 'payment', author: vectors().operator_key })
  expect(succeeded).toBe(true)
  expect(transaction.argument.find(({ name }) => name === 'amount_msat')?.value).toBe('1500')
  expect(transaction.argument.find(({ name }) => name === 'payment_hash')?.value).toBe(id(5))
  const refused = await client(explorer('invoice_again')).light.transaction(vectors().transactions.invoice_again!.hash)
  expect(refused.succeeded).toBe(false)
  expect(refused.refusal).not.toBe('')
})

test('transaction in the place of another is refused', async () => {
  const { hash } = vectors().transactions.payment!
  const answers: Record<string, unknown> = explorer('payment')
  answers[`/api/explorer/v1/transactions?hash=${hash}`] = vectors().outcomes.policy!.transaction
  await expect(client(answers).light.transaction(hash)).rejects.toMatchObject({ code: 'other_question' })
})

test('refusal of a transaction that the block calls a success is refused', async () => {
  const { hash } = vectors().transactions.payment!
  const answers: Record<string, unknown> = explorer('payment')
  const { transaction } = vectors().outcomes.payment!
  answers[`/api/explorer/v1/transactions?hash=${hash}`] = { ...transaction, status: { type: 'service_error', description: 'no' } }
  await expect(client(answers).light.committed(hash)).rejects.toMatchObject({ code: 'mismatch' })
})

test('answer older than the height that the node told is refused', async () => {
  const answers = { [`${SERVICE}/policy?proof=true`]: proof('policy') }
  const { light } = client(answers)
  const { height } = (await light.policy()).block
  light.tell(height)
  expect((await light.policy()).block.height).toBe(height)
  light.tell(height + 1)
  await expect(light.policy()).rejects.toMatchObject({ code: 'stale' })
})

test('command is submitted once and proved to be carried out', async () => {
  const { light, asked } = client(explorer('invoice_cancel'))
  const step = { case: 'cancelled' as const, value: { nonce: bytes(3) } }
  const committed = await light.command('invoice', { paymentHash: bytes(9), step }, operator)
  expect(committed.txHash).toBe(vectors().transactions.invoice_cancel!.hash)
  expect(asked.filter((line) => line.startsWith('POST'))).toHaveLength(1)
})

test('command that the service refused is an error, though the ledger holds it', async () => {
  const { light } = client(explorer('invoice_again'))
  const refused = light.committed(vectors().transactions.invoice_again!.hash)
  await expect(refused).rejects.toBeInstanceOf(RefusedError)
})

test('success that the block denies is refused', async () => {
  const { hash } = vectors().transactions.invoice_again!
  const answers: Record<string, unknown> = explorer('invoice_again')
  const path = `/api/explorer/v1/transactions?hash=${hash}`
  answers[path] = { ...vectors().outcomes.invoice_again!.transaction, status: { type: 'success' } }
  await expect(client(answers).light.committed(hash)).rejects.toBeInstanceOf(ProofError)
})

test('node that takes another transaction than the one sent is caught', async () => {
  const { light } = client({ '/api/explorer/v1/transactions': { tx_hash: id(1) } })
  const step = { case: 'cancelled' as const, value: { nonce: bytes(3) } }
  const command = light.command('invoice', { paymentHash: bytes(9), step }, operator)
  await expect(command).rejects.toMatchObject({ code: 'other_question' })
})

test('refusal of the node keeps its stable code', async () => {
  const problem = new Response(JSON.stringify({ code: 'unauthorized', detail: 'show a token' }), { status: 401 })
  const { light } = client({ [`${SERVICE}/policy?proof=true`]: problem })
  await expect(light.policy()).rejects.toEqual(new NodeError(401, 'unauthorized', 'show a token'))
})

test('id that is none is not sent', async () => {
  const { light, asked } = client({})
  await expect(light.channel('../info')).rejects.toMatchObject({ code: 'malformed' })
  expect(asked).toEqual([])
})

test('node that does not answer is told from one that refuses', async () => {
  const send = () => Promise.reject(new TypeError('Failed to fetch'))
  const client = new LightClient({ url: 'http://node', validatorKey: vectors().validator_key, fetch: send as typeof fetch })
  await expect(client.channels()).rejects.toMatchObject({ name: 'NodeError', status: 0, code: 'unreachable' })
})
