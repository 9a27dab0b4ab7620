/** Offers and invoices for them, made here: their maker's key is the test's own. */

import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'

import { fromHex } from '../src/index.js'
import { ascii, signedRoot, taggedHash } from '../src/signed-root.js'
import { readRecords } from '../src/tlv.js'
import { bytes } from './vectors.js'

const CHARSET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const REGTEST = fromHex('06226e46111a0b59caaf126043eb5bbf28c34f3a5e332a1fc7b2b73cf188910f')

export const MAKER = bytes(11)
export const makerId = secp256k1.getPublicKey(MAKER)

type Field = [type: number, value: Uint8Array]

/** Types and lengths below 253 are one byte. */
const stream = (fields: Field[]) => Uint8Array.from(fields.flatMap(([type, value]) => [type, value.length, ...value]))

const number = (value: bigint) => {
  const hex = value.toString(16)
  return fromHex(hex.padStart(hex.length + (hex.length % 2), '0'))
}

function text(prefix: string, data: Uint8Array): string {
  const bits = Array.from(data, (byte) => byte.toString(2).padStart(8, '0')).join('')
  const words = bits.padEnd(Math.ceil(bits.length / 5) * 5, '0').match(/.{5}/g) ?? []
  return `${prefix}1${words.map((word) => CHARSET[parseInt(word, 2)]).join('')}`
}

export function offerFields(amountMsat: bigint | undefined, description = 'tea'): Field[] {
  const amount: Field[] = amountMsat === undefined ? [] : [[8, number(amountMsat)]]
  return [[2, REGTEST], ...amount, [10, ascii(description)], [22, makerId]]
}

export const offerText = (fields: Field[]) => text('lno', stream(fields))

/** The answer to a request for one, signed by `key`. */
export function invoiceText(offer: Field[], amountMsat: bigint, paymentHash = bytes(5), key = MAKER): string {
  const nodeId = secp256k1.getPublicKey(key)
  const own: Field[] = [[164, number(1_800_000_000n)], [168, paymentHash], [170, number(amountMsat)], [176, nodeId]]
  const unsigned = stream([...offer, ...own])
  const digest = taggedHash(ascii('lightninginvoicesignature'), signedRoot(readRecords(unsigned)!))
  return text('lni', Uint8Array.from([...unsigned, 240, 64, ...schnorr.sign(digest, key)]))
}
