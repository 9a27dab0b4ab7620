/** Numbers and names as people read them. */

const MSAT_PER_BTC = 100_000_000_000n

/** In satoshis: a thousandth is shown only where there is one. */
export function formatMsat(msat: bigint, locale: string): string {
  return formatParts(msat, 1_000n, 3, locale, 0)
}

/** In bitcoins with eight decimals, more only where there are thousandths of a satoshi. */
export function formatBtc(msat: bigint, locale: string): string {
  return formatParts(msat, MSAT_PER_BTC, 11, locale, 8)
}

function formatParts(msat: bigint, unit: bigint, digits: number, locale: string, least: number): string {
  const sign = msat < 0n ? '−' : ''
  const size = msat < 0n ? -msat : msat
  const whole = new Intl.NumberFormat(locale).format(size / unit)
  const padded = (size % unit).toString().padStart(digits, '0')
  const rest = padded.slice(0, least) + padded.slice(least).replace(/0+$/, '')
  if (rest === '') return sign + whole
  const point = new Intl.NumberFormat(locale).formatToParts(1.5).find(({ type }) => type === 'decimal')?.value ?? '.'
  return `${sign}${whole}${point}${rest}`
}

/** `0293…19ef` */
export function shorten(id: string): string {
  return id.length <= 13 ? id : `${id.slice(0, 6)}…${id.slice(-6)}`
}

/** Control characters, and those that turn the direction of the text around them or cannot be seen, as code points. */
const UNSAFE_RANGES = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x17b4, 0x17b5],
  [0x180e, 0x180e],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0x3164, 0x3164],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xe0000, 0xe0fff],
] as const
const UNSAFE = new RegExp(`[${UNSAFE_RANGES.map(([from, to]) => `\\u{${from.toString(16)}}-\\u{${to.toString(16)}}`).join('')}]`, 'gu')

/** Text from a stranger: React escapes it, this takes out what could lie about its order. */
export function strangersText(text: string): string {
  return text.replace(UNSAFE, ' ').slice(0, 640)
}

/** Reads an amount in satoshis, `1500` or `1500.5`, to thousandths. Undefined where it is none. */
export function parseSat(text: string): bigint | undefined {
  return parseDecimal(text, 16, 3)
}

/** Reads an amount in the unit that is shown, as thousandths of a satoshi. Undefined where it is none. */
export function parseAmount(text: string, unit: 'sat' | 'btc'): bigint | undefined {
  return unit === 'sat' ? parseSat(text) : parseDecimal(text, 8, 11)
}

function parseDecimal(text: string, wholeDigits: number, fractionDigits: number): bigint | undefined {
  const match = /^(\d+)(?:[.,](\d+))?$/.exec(text.trim().replaceAll(/[\s\u00a0\u202f]/g, ''))
  const [, whole = '', fraction = ''] = match ?? []
  if (!match || whole.length > wholeDigits || fraction.length > fractionDigits) return undefined
  return BigInt(whole + fraction.padEnd(fractionDigits, '0'))
}

/** A moment in full: no two countries' dates can be taken for each other. */
export function formatMoment(time: Date, locale: string): string {
  return time.toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'medium' })
}

/** A bar's share, in percent with one decimal. */
export function percent(part: bigint, whole: bigint): number {
  return whole <= 0n ? 0 : Number((part * 1_000n) / whole) / 10
}

/** How long blocks take, at ten minutes each. */
export function blocksAsTime(blocks: number, locale: string): string {
  const minutes = blocks * 10
  const [value, unit] = minutes < 120 ? [minutes, 'minute'] : minutes < 2_880 ? [Math.round(minutes / 60), 'hour'] : [Math.round(minutes / 1_440), 'day']
  return new Intl.NumberFormat(locale, { style: 'unit', unit: unit as string, unitDisplay: 'long' }).format(value as number)
}
