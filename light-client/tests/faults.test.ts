/**
 * The known faults of npm's exonum-client 0.18.4, each by its name: what the bare library makes of it, so that a newer one
 * that is mended shows itself, and that at our border it is right.
 */

import { fromBinary } from '@bufbuild/protobuf'
import { build, type Plugin } from 'esbuild'
import exonumClient from 'exonum-client'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import protobuf from 'protobufjs'
import { expect, test } from 'vitest'

import { InvoiceSchema } from '../src/gen/lightning_records_pb.js'
import { CoreMessageSchema, SignedMessageSchema } from '../src/gen/exonum/messages_pb.js'
import { InvoiceStepSchema, PaymentOrderSchema } from '../src/gen/lightning_transactions_pb.js'
import { fromHex, keyPair, LightClient, mapEntry, readInvoice, sign, toHex, verifyBlock, type Argument } from '../src/index.js'
import { answer, blockProof, mapProof, stored, validator } from './made.js'
import { bytes, id, proof, vectors } from './vectors.js'

/** What the library offers beyond what is used of it. */
interface Bare {
  newType(schema: protobuf.Type): { serialize(value: object): Uint8Array }
  Transaction: new (options: object) => { create(value: object, keys: object): { serialize(): Uint8Array } }
  MapProof: { new (json: object, key: object, value: object): { merkleRoot: string }; rawKey(key: object): object }
  verifyBlock(proof: object, validators: string[]): void
  send(url: string, transaction: Uint8Array, attempts?: number, timeout?: number): Promise<string>
  sendQueue(url: string, transactions: Uint8Array[]): Promise<string[]>
}
const bare = exonumClient as unknown as Bare

const operator = keyPair(bytes(1))
const NOTE = protobuf.parse(
  'syntax = "proto3"; message Note { string text = 1; bool flag = 2; bytes raw = 3; uint64 amount = 4; }',
).root.lookupType('Note')
const typed = (value: object) => toHex(bare.newType(NOTE).serialize(value))

/** The argument of a command as it was signed. */
function argument(body: string): Uint8Array {
  const { kind } = fromBinary(CoreMessageSchema, fromBinary(SignedMessageSchema, fromHex(body)).payload)
  if (kind.case !== 'anyTx') throw new Error('no transaction')
  return kind.value.arguments
}

const invoice = (value: object) =>
  sign('invoice', { paymentHash: bytes(7), step: { case: 'created', value } } as Argument<'invoice'>, operator)
const order = (value: object) => sign('payment', { paymentHash: bytes(5), ...value } as Argument<'payment'>, operator)

/** An invoice in which everything is zero that can be, but for the text that looks like it. */
const ZEROS = { nonce: bytes(8), amountMsat: 0n, description: '0', invoice: '', hold: false, keysend: false }

test('string "0" is dropped', () => {
  expect(typed({ text: '0' })).toBe('') // and should be 0a0130
  expect(invoice(ZEROS)).toEqual(vectors().transactions.invoice_zeros)
  const { step } = fromBinary(InvoiceStepSchema, argument(invoice(ZEROS).body))
  expect(step.value).toMatchObject({ description: '0' })
})

test('false is written, which proto3 leaves out', () => {
  expect(typed({ flag: false })).toBe('1000') // and should be nothing
  const without = invoice({ nonce: bytes(8), description: '0' })
  expect(invoice(ZEROS)).toEqual(without)
  expect(without).toEqual(vectors().transactions.invoice_zeros)
})

test('empty bytes are written, which proto3 leaves out', () => {
  expect(typed({ raw: new Uint8Array() })).toBe('1a00') // and should be nothing
  expect(order({ sessionNonce: new Uint8Array() })).toEqual(order({}))
})

test('field that is null throws, though it means nothing', () => {
  expect(() => typed({ text: null })).toThrow('null to object')
  const nothing = { nonce: bytes(8), description: '0', invoice: undefined, hold: undefined }
  expect(invoice(nothing)).toEqual(vectors().transactions.invoice_zeros)
})

test('bigint is written as zero', () => {
  expect(typed({ amount: 5n })).toBe('2000') // and should be 2005
  for (const amountMsat of [5n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
    expect(fromBinary(PaymentOrderSchema, argument(order({ amountMsat }).body)).amountMsat).toBe(amountMsat)
  }
})

test('number above 2^53 is rounded', () => {
  const rounded = 2 ** 53 + 2 // JavaScript itself has no 2^53 + 1
  expect(typed({ amount: 2 ** 53 + 1 })).toBe(typed({ amount: 2 ** 53 }))
  expect(typed({ amount: rounded })).not.toBe(typed({ amount: '9007199254740993' }))
  const order_ = order({ amountMsat: 9_007_199_254_740_993n })
  expect(fromBinary(PaymentOrderSchema, argument(order_.body)).amountMsat).toBe(9_007_199_254_740_993n)
})

test('hash that is given as hex is read as something else', () => {
  expect(typed({ raw: id(7) })).not.toBe(`1a20${id(7)}`)
  expect(() => sign('invoice', { paymentHash: id(7) as never, step: { case: undefined } }, operator)).toThrow()
})

test('method that is named as the README says is method 0 of service 0', () => {
  const call = (options: object) => {
    const made = new bare.Transaction({ schema: NOTE, ...options }).create({ text: 'a' }, operator).serialize()
    const { kind } = fromBinary(CoreMessageSchema, fromBinary(SignedMessageSchema, made).payload)
    return kind.case === 'anyTx' ? kind.value.callInfo : undefined
  }
  expect(call({ service_id: 100, method_id: 11 })).toMatchObject({ instanceId: 0, methodId: 0 })
  const { kind } = fromBinary(CoreMessageSchema, fromBinary(SignedMessageSchema, fromHex(order({}).body)).payload)
  expect(kind.value).toMatchObject({ callInfo: { instanceId: 100, methodId: 11 } })
})

test('good proof of a value with such fields looks bad', () => {
  const hex = { serialize: (text: string) => fromHex(text) }
  const right = mapProof({ [id(7)]: '0a0130' }).root // a Note with the text "0", as Rust stores it
  const json = { entries: [{ key: id(7), value: { text: '0' } }], proof: [] }
  expect(new bare.MapProof(json, bare.MapProof.rawKey(hex), bare.newType(NOTE)).merkleRoot).not.toBe(right)
  const value = stored(InvoiceSchema, { paymentHash: bytes(7), description: '0' })
  const { json: ours, root } = mapProof({ [id(7)]: value })
  expect(readInvoice(mapEntry(ours, root, id(7))!).description).toBe('0')
})

test('u64 in JSON is rounded before any proof is checked', () => {
  const { amount } = JSON.parse('{"amount":9007199254740993}') as { amount: number }
  expect(typed({ amount })).not.toBe(typed({ amount: '9007199254740993' }))
  const { to_invoice } = proof('invoice')
  const { entries } = to_invoice as { entries: { value: string }[] }
  expect(readInvoice(fromHex(entries[0]!.value)).amountMsat).toBe(9_007_199_254_740_993n)
  const block = { ...blockProof(id(1)).block, height: 2 ** 53 }
  expect(() => verifyBlock({ block, precommits: [] }, validator.publicKey)).toThrow('not a count')
})

test('block is refused once one was skipped, for its epoch is compared with its height', () => {
  const skipped = blockProof(id(1), 5, 9)
  expect(() => bare.verifyBlock(skipped, [validator.publicKey])).toThrow('Precommit height does not match block height')
  expect(verifyBlock(skipped, validator.publicKey)).toMatchObject({ height: 5, stateHash: id(1) })
  // The library is right where both are the same, and so are we.
  bare.verifyBlock(blockProof(id(1), 9), [validator.publicKey])
  expect(verifyBlock(blockProof(id(1), 9), validator.publicKey).height).toBe(9)
})

test('genesis block, which nobody signs, cannot be checked', () => {
  const { block } = blockProof(id(1), 0)
  const genesis = { block, precommits: [] }
  expect(() => bare.verifyBlock(genesis, [validator.publicKey])).toThrow('Insufficient')
  expect(() => verifyBlock(genesis, validator.publicKey)).toThrow('0 signatures')
})

const transaction = fromHex(vectors().transactions.invoice_again!.body)

test('send and sendQueue throw for want of regeneratorRuntime', async () => {
  expect(() => bare.send('http://127.0.0.1:9', transaction)).toThrow('regeneratorRuntime is not defined')
  expect(() => bare.sendQueue('http://127.0.0.1:9', [transaction])).toThrow('regeneratorRuntime is not defined')
  const { light, hash } = node('invoice_cancel')
  const step = { case: 'cancelled' as const, value: { nonce: bytes(3) } }
  expect((await light.command('invoice', { paymentHash: bytes(9), step }, operator)).txHash).toBe(hash)
})

test('send resolves for a transaction that was committed and refused', async () => {
  await import('regenerator-runtime/runtime.js')
  const { hash, outcome, light } = node('invoice_again')
  expect((outcome.transaction.status as { type: string }).type).toBe('service_error')
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(request.method === 'POST' ? { tx_hash: hash } : outcome.transaction))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  try {
    await expect(bare.send(`http://127.0.0.1:${port}`, transaction, 1, 1)).resolves.toBe(hash)
  } finally {
    server.close()
    delete (globalThis as { regeneratorRuntime?: unknown }).regeneratorRuntime
  }
  await expect(light.committed(hash)).rejects.toMatchObject({ name: 'RefusedError' })
})

/** A light client of a node that has this transaction in a block. */
function node(name: string) {
  const { hash } = vectors().transactions[name]!
  const outcome = vectors().outcomes[name]!
  const answers: Record<string, unknown> = {
    '/api/explorer/v1/transactions': { tx_hash: hash },
    [`/api/explorer/v1/transactions?hash=${hash}`]: outcome.transaction,
    [`/api/explorer/v1/call_status/transaction?hash=${hash}&with_proof=true`]: outcome.call_status,
  }
  const fetch = (path: string | URL | Request) => Promise.resolve(new Response(JSON.stringify(answers[String(path).slice('http://node'.length)])))
  return { hash, outcome, light: new LightClient({ url: 'http://node', validatorKey: vectors().validator_key, fetch }) }
}

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** As Vite has it: a package of Node's name is nothing in a browser. */
const noBuffer: Plugin = {
  name: 'no-buffer',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^buffer$/ }, () => ({ path: 'buffer', namespace: 'nothing' }))
    onLoad({ filter: /.*/, namespace: 'nothing' }, () => ({ contents: 'module.exports = {}' }))
  },
}

/** Bundles as package.json does, and runs it where there is what a page has: no Buffer, no process. */
async function inPage(code: string, given: unknown, plugins: Plugin[] = []): Promise<unknown> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: ROOT, loader: 'ts' },
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2022',
    platform: 'browser',
    alias: { axios: './src/no-axios.js' },
    define: { WebAssembly: 'undefined' },
    plugins,
    logLevel: 'silent',
  })
  const encode = (text: string) => [...new TextEncoder().encode(text)]
  const page = createContext({ encode, TextDecoder, crypto, given: JSON.stringify(given), found: undefined as unknown })
  // A page has one kind of Uint8Array; Node's encoder would bring another.
  runInContext('globalThis.TextEncoder = class { encode(text) { return Uint8Array.from(encode(text)) } }', page)
  runInContext(outputFiles[0]!.text, page)
  return page.found
}

test('page dies at load where a bundler leaves out buffer', async () => {
  const load = (name: string) => `import * as all from '${name}'; globalThis.found = Object.keys(all).length > 0`
  await expect(inPage(load('exonum-client'), null, [noBuffer])).rejects.toThrow(/undefined/)
  await expect(inPage(load('./src/index.ts'), null)).resolves.toBe(true)
})

test('verifyTable needs a global Buffer, which pages do not have', async () => {
  const value = stored(InvoiceSchema, { paymentHash: bytes(7) })
  const { block_proof, to_table } = answer('invoices', 'to_invoice', { [id(7)]: value })
  const given = { to_table, state: block_proof.block.state_hash }
  const check = (from: string, name: string) => `import exonum, * as all from '${from}'
    const { to_table, state } = JSON.parse(given)
    globalThis.found = (all.${name} ?? exonum.${name})(to_table, state, 'lightning.invoices')`
  await expect(inPage(check('exonum-client', 'verifyTable'), given)).rejects.toThrow('Buffer is not defined')
  const ours = check('./src/index.ts', 'tableRoot').replace('exonum, ', '').replace(' ?? exonum.tableRoot', '')
  await expect(inPage(ours, given)).resolves.toBe(mapProof({ [id(7)]: value }).root)
})
