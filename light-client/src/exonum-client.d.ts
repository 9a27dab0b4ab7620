// The parts of npm's exonum-client that are used here: it brings no types of its own.
declare module 'exonum-client' {
  type Bytes = Uint8Array | number[]
  interface Codec<T> {
    serialize(value: T, buffer?: number[], from?: number): Bytes
  }
  interface KeyCodec<T> {
    hash?(value: T): Bytes | string
    serialize?(value: T): Bytes
  }
  interface MessageCodec<T> {
    encode(value: T): { finish(): Uint8Array }
    decode(bytes: Uint8Array): T
  }

  class MapProof<K, V> {
    constructor(json: unknown, key: KeyCodec<K>, value: Codec<V>)
    static rawKey<K>(key: Codec<K>): KeyCodec<K>
    merkleRoot: string
    entries: Map<K, V>
    missingKeys: Set<K>
  }
  class ListProof<V> {
    constructor(json: unknown, value: Codec<V>)
    merkleRoot: string
    entries: { index: number; value: V }[]
    length: number
  }
  class Verified<T> {
    static sign<T>(schema: MessageCodec<T>, payload: T, keys: { publicKey: string; secretKey: string }): Verified<T>
    static deserialize<T>(schema: MessageCodec<T>, bytes: Uint8Array): Verified<T> | null
    payload: T
    author: string
    signature: string
    serialize(): Uint8Array
    hash(): string
  }
  const exonum: {
    MapProof: typeof MapProof
    ListProof: typeof ListProof
    Verified: typeof Verified
    Hash: Codec<string>
    hash(bytes: Bytes): string
    fromSeed(seed: Uint8Array): { publicKey: string; secretKey: string }
  }
  export default exonum
  export type { MapProof, ListProof, Verified, Codec, MessageCodec }
}
