/** Streams of fields with a type and a length (BOLT 1, "Type-Length-Value Format"). */

export interface TlvRecord {
  type: bigint
  typeBytes: Uint8Array
  value: Uint8Array
  /** All of it as it stands: type, length and value. */
  bytes: Uint8Array
}

export class Records {
  readonly all: TlvRecord[]

  constructor(all: TlvRecord[]) {
    this.all = all
  }

  get types(): bigint[] {
    return this.all.map(({ type }) => type)
  }

  get(type: number): Uint8Array | undefined {
    return this.all.find((record) => record.type === BigInt(type))?.value
  }

  /** A number without leading zeroes, as `tu64` has it. */
  number(type: number): bigint | undefined {
    return this.get(type)?.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  }

  /** Those of these types as they stand, one after the other. */
  bytesWhere(isMeant: (type: bigint) => boolean): Uint8Array {
    const parts = this.all.filter(({ type }) => isMeant(type))
    return Uint8Array.from(parts.flatMap(({ bytes }) => [...bytes]))
  }
}

/** Reads a stream; undefined where it is cut off, or its types do not rise. */
export function readRecords(bytes: Uint8Array): Records | undefined {
  const all: TlvRecord[] = []
  for (let at = 0; at < bytes.length; ) {
    const type = readBigSize(bytes, at)
    const length = type && readBigSize(bytes, type.end)
    if (!type || !length) return undefined
    const end = length.end + Number(length.value)
    const before = all.at(-1)
    if (end > bytes.length || (before && before.type >= type.value)) return undefined
    all.push({
      type: type.value,
      typeBytes: bytes.slice(at, type.end),
      value: bytes.slice(length.end, end),
      bytes: bytes.slice(at, end),
    })
    at = end
  }
  return new Records(all)
}

/** BOLT 1, BigSize: only the shortest form is one. */
function readBigSize(bytes: Uint8Array, at: number): { value: bigint; end: number } | undefined {
  const first = bytes[at]
  if (first === undefined) return undefined
  if (first < 0xfd) return { value: BigInt(first), end: at + 1 }
  const size = { 0xfd: 2, 0xfe: 4, 0xff: 8 }[first]!
  const end = at + 1 + size
  if (end > bytes.length) return undefined
  const value = bytes.slice(at + 1, end).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  const least = { 2: 0xfdn, 4: 0x1_0000n, 8: 0x1_0000_0000n }[size]!
  return value < least ? undefined : { value, end }
}
