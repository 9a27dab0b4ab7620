/**
 * The operator's key, kept in this browser.
 *
 * What is stored is encrypted with a key that the passphrase makes (PBKDF2, AES-GCM). The seed itself exists in the page
 * only on its way to the worker, and nowhere in storage.
 */

import { fromHex, isHex, toHex } from '@zarnitsa/light-client/page'

const KEPT = 'zarnitsa.operator-key'
/** What OWASP asks of PBKDF2 with SHA-256. */
const ITERATIONS = 600_000
const MOST_ITERATIONS = 10_000_000
/** A shorter passphrase is found by trying. */
export const SHORTEST_PASSPHRASE = 8

interface Kept {
  version: 1
  publicKey: string
  iterations: number
  salt: string
  iv: string
  data: string
}

/** The file or the pasted text, as `operator.key` has it: 64 hex digits. Undefined where it is none. */
export function readSeed(text: string): Uint8Array | undefined {
  const trimmed = text.trim().toLowerCase()
  return isHex(trimmed, 32) ? fromHex(trimmed) : undefined
}

/** The public key of the kept one, if one is kept. */
export function keptKey(): string | undefined {
  return load()?.publicKey
}

export function forgetKey(): void {
  localStorage.removeItem(KEPT)
}

/** Encrypts and keeps a seed. */
export async function keepKey(seed: Uint8Array, publicKey: string, passphrase: string): Promise<void> {
  const salt = crypto.getRandomValues(new Uint8Array(16))
  const iv = crypto.getRandomValues(new Uint8Array(12))
  const key = await keyOf(passphrase, salt, ITERATIONS)
  const data = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: fromHex(publicKey).slice() }, key, seed.slice())
  const kept: Kept = {
    version: 1,
    publicKey,
    iterations: ITERATIONS,
    salt: toHex(salt),
    iv: toHex(iv),
    data: toHex(new Uint8Array(data)),
  }
  localStorage.setItem(KEPT, JSON.stringify(kept))
}

/** The seed; undefined where the passphrase is wrong. */
export async function openKey(passphrase: string): Promise<Uint8Array | undefined> {
  const kept = load()
  if (!kept) return undefined
  const key = await keyOf(passphrase, fromHex(kept.salt), kept.iterations)
  const additionalData = fromHex(kept.publicKey).slice()
  try {
    const iv = fromHex(kept.iv).slice()
    return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData }, key, fromHex(kept.data).slice()))
  } catch {
    // The browser tells nothing but that it does not fit.
    return undefined
  }
}

async function keyOf(passphrase: string, salt: Uint8Array, iterations: number): Promise<CryptoKey> {
  const bytes = new TextEncoder().encode(passphrase.normalize('NFKC'))
  const material = await crypto.subtle.importKey('raw', bytes, 'PBKDF2', false, ['deriveKey'])
  const rule = { name: 'PBKDF2', hash: 'SHA-256', salt: salt.slice(), iterations }
  return crypto.subtle.deriveKey(rule, material, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
}

function load(): Kept | undefined {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? 'null') as Partial<Kept> | null
    const isSound =
      kept?.version === 1 &&
      isHex(kept.publicKey, 32) &&
      isHex(kept.salt, 16) &&
      isHex(kept.iv, 12) &&
      isHex(kept.data) &&
      Number.isSafeInteger(kept.iterations) &&
      kept.iterations! >= ITERATIONS &&
      kept.iterations! <= MOST_ITERATIONS
    return isSound ? (kept as Kept) : undefined
  } catch {
    return undefined
  }
}
