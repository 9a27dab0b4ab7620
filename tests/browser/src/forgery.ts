/** Changes that somebody between browser and node would make. Each says if it did not find what it is to change. */

import type { Change } from './proxy.js'

type Json = Record<string, unknown>
/** A number of a stored record, by its field's number in `proto/lightning_records.proto`. */
export interface Field {
  number: number
  from: bigint
  to: bigint
}

/** In the record of one channel, in a proof of many. */
export function inChannel(channelId: string, field: Field): (json: unknown) => unknown {
  return (json) => {
    const { entries, ...proof } = (json as { to_channel: { entries: { key: string; value: string }[] } }).to_channel
    const changed = entries.map(({ key, value }) => {
      return { key, value: key === channelId ? withField(value, field) : value }
    })
    return { ...(json as Json), to_channel: { ...proof, entries: changed } }
  }
}

/** In the newest step of a channel's history. */
export function inHistory(number: number, add: bigint): (json: unknown) => unknown {
  return (json) => {
    const { entries, ...proof } = (json as { history: { entries: [number, string][] } }).history
    const [index, value] = entries.at(-1) ?? []
    if (index === undefined || value === undefined) throw new Error('the history is empty')
    const from = readField(value, number)
    const changed = withField(value, { number, from, to: from + add })
    const history = { ...proof, entries: [...entries.slice(0, -1), [index, changed]] }
    return { ...(json as Json), history }
  }
}

/** The last bit of the signature on the block. */
export function signature(json: unknown): unknown {
  const { block_proof: proof, ...rest } = json as { block_proof: { precommits: string[] } }
  const precommits = proof.precommits.map((message) => message.slice(0, -1) + flipped(message.slice(-1)))
  return { ...rest, block_proof: { ...proof, precommits } }
}

/** One answer for ever, whatever the node says later. */
export function replay(recorded: Map<string, unknown>): Change {
  return (path) => recorded.get(path)
}

const flipped = (digit: string) => (Number.parseInt(digit, 16) ^ 1).toString(16)

function withField(stored: string, { number, from, to }: Field): string {
  const [before, after] = [from, to].map((value) => varint(BigInt(number) << 3n) + varint(value))
  const at = evenIndexOf(stored, before ?? '')
  if (at < 0 || after === undefined) throw new Error(`no field ${number} of ${from} in ${stored}`)
  return stored.slice(0, at) + after + stored.slice(at + (before ?? '').length)
}

/** A number at the top of a record. */
function readField(stored: string, number: number): bigint {
  const bytes = Buffer.from(stored, 'hex')
  let at = 0
  const next = () => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++] ?? 0
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  while (at < bytes.length) {
    const tag = next()
    const value = next()
    if (tag >> 3n === BigInt(number)) return value
    if ((tag & 7n) === 2n) at += Number(value)
  }
  throw new Error(`no field ${number} in ${stored}`)
}

function evenIndexOf(hex: string, part: string): number {
  let at = hex.indexOf(part)
  while (at % 2 === 1) at = hex.indexOf(part, at + 1)
  return at
}

function varint(value: bigint): string {
  const low = Number(value & 0x7fn)
  const rest = value >> 7n
  const byte = rest === 0n ? low : low | 0x80
  return byte.toString(16).padStart(2, '0') + (rest === 0n ? '' : varint(rest))
}
