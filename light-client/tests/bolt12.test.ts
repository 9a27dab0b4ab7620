/** BOLT 12's own vectors: texts, offers and what signatures are made over. */

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

import { readWords } from '../src/bech32.js'
import { decodeBolt12Invoice, decodeOffer, fromHex, invoiceForOffer, toHex } from '../src/index.js'
import { ascii, signedRoot, taggedHash } from '../src/signed-root.js'
import { readRecords } from '../src/tlv.js'
import { invoiceText, makerId, offerFields, offerText } from './offers.js'
import { bytes, id } from './vectors.js'

function vectors<T>(name: string): T[] {
  return JSON.parse(readFileSync(new URL(`../../tests/vectors/bolt12-${name}.json`, import.meta.url), 'utf8')) as T[]
}

function accepted(text: string): boolean {
  try {
    decodeOffer(text)
    return true
  } catch (error) {
    expect((error as Error).name).toBe('InvoiceError')
    return false
  }
}

test.each(vectors<{ comment: string; valid: boolean; string: string }>('format-string'))('text: $comment', ({ valid, string }) => {
  expect(accepted(string)).toBe(valid)
})

interface OfferVector {
  description: string
  valid: boolean
  bolt12: string
  fields?: { type: number; length: number; hex: string }[]
}

test.each(vectors<OfferVector>('offers'))('offer: $description', ({ valid, bolt12, fields = [] }) => {
  expect(accepted(bolt12)).toBe(valid)
  if (!valid) return
  const records = readRecords(readWords(bolt12, 'lno')!)!
  expect(records.all.map(({ type, value }) => ({ type: Number(type), length: value.length, hex: toHex(value) }))).toEqual(fields)
})

interface RootVector {
  comment: string
  leaves: Record<string, string>[]
  merkle: string
  bolt12?: string
  signature_tag?: string
  'H(signature_tag,merkle)'?: string
}

test.each(vectors<RootVector>('signature'))('root: $comment', (vector) => {
  // Each leaf is named by the bytes of its field.
  const fields = vector.leaves.map((leaf) => /LnLeaf`,([0-9a-f]+)/.exec(Object.keys(leaf)[0]!)![1]!)
  const bytes = vector.bolt12 ? readWords(vector.bolt12, 'lnr')! : fromHex(fields.join(''))
  const root = signedRoot(readRecords(bytes)!)
  expect(toHex(root)).toBe(vector.merkle)
  const tag = vector.signature_tag
  if (tag) expect(toHex(taggedHash(ascii(tag), root))).toBe(vector['H(signature_tag,merkle)'])
})

test('offer is read as a person knows it', () => {
  const named = (name: string) => decodeOffer(vectors<OfferVector>('offers').find(({ description }) => description === name)!.bolt12)
  expect(named('with amount')).toMatchObject({ networks: ['bitcoin'], amountMsat: 10_000n, description: 'Test vectors', expiresAt: undefined })
  expect(named('for testnet').networks).toEqual(['testnet'])
  expect(named('with expiry').expiresAt?.toISOString()).toBe('2034-12-31T13:30:00.000Z')
  expect(named('with issuer').issuer).toBe('https://bolt12.org BOLT12 industries')
  expect(named('with currency')).toMatchObject({ inCurrency: true, amountMsat: undefined })
  expect(named('with quantity').forSeveral).toBe(true)
  expect(named('with no issuer_id and blinded path via Bob (0x424242...), path_key 020202...').issuerId).toBeUndefined()
})

test('invoice for an offer is read, and is its maker’s', () => {
  const offer = offerFields(5_000n)
  const invoice = invoiceText(offer, 5_000n)
  expect(invoiceForOffer(invoice, offerText(offer))).toEqual({
    amountMsat: 5_000n,
    paymentHash: id(5),
    payee: toHex(makerId),
    description: 'tea',
    createdAt: new Date(1_800_000_000_000),
    expiresAt: new Date(1_800_007_200_000),
  })
})

test('invoice for another offer, by another key, or with a changed letter is refused', () => {
  const offer = offerFields(5_000n)
  const text = offerText(offer)
  const refused = (invoice: string) => expect(() => invoiceForOffer(invoice, text))
  refused(invoiceText(offerFields(5_000n, 'coffee'), 5_000n)).toThrow('another offer')
  refused(invoiceText(offerFields(undefined), 5_000n)).toThrow('another offer')
  refused(invoiceText(offer, 5_000n, bytes(5), bytes(12))).toThrow('maker')
  const good = invoiceText(offer, 5_000n)
  for (const at of [good.length - 60, good.length - 120, good.length - 200]) {
    const letter = good[at] === 'q' ? 'p' : 'q'
    refused(good.slice(0, at) + letter + good.slice(at + 1)).toThrow()
  }
  expect(() => decodeBolt12Invoice(text)).toThrow('mistyped')
})
