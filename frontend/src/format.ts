/** Numbers and names as people read them. */

/** A thousandth of a satoshi is shown only where there is one. */
export function formatMsat(msat: bigint, locale: string): string {
  const sign = msat < 0n ? '−' : ''
  const size = msat < 0n ? -msat : msat
  const rest = size % 1000n
  const whole = new Intl.NumberFormat(locale).format(size / 1000n)
  if (rest === 0n) return sign + whole
  const point = new Intl.NumberFormat(locale).formatToParts(1.5).find(({ type }) => type === 'decimal')?.value ?? '.'
  return `${sign}${whole}${point}${rest.toString().padStart(3, '0').replace(/0+$/, '')}`
}

/** `0293…19ef` */
export function shorten(id: string): string {
  return id.length <= 13 ? id : `${id.slice(0, 6)}…${id.slice(-6)}`
}

// Control characters, and those that turn the direction of the text around them.
// oxlint-disable-next-line no-control-regex -- these are what it is for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g

/** Text from a stranger: React escapes it, this takes out what could lie about its order. */
export function strangersText(text: string): string {
  return text.replace(UNSAFE, ' ').slice(0, 640)
}

/** Reads an amount in satoshis, `1500` or `1500.5`, to thousandths. Undefined where it is none. */
export function parseSat(text: string): bigint | undefined {
  const match = /^(\d{1,16})(?:[.,](\d{1,3}))?$/.exec(text.trim().replaceAll(/[\s\u00a0\u202f]/g, ''))
  if (!match) return undefined
  return BigInt(match[1]!) * 1000n + BigInt((match[2] ?? '').padEnd(3, '0'))
}

const INVOICE = /^ln(?:bcrt|tbs|bc|tb)(\d*)[munp]?1[02-9ac-hj-np-z]{50,}$/

/** The invoice in what was pasted, and whether it leaves the amount to the payer. */
export function readInvoiceText(text: string): { invoice: string; isOpen: boolean } | undefined {
  const invoice = text
    .trim()
    .toLowerCase()
    .replace(/^lightning:(?:\/\/)?/, '')
  const match = INVOICE.exec(invoice)
  return match ? { invoice, isOpen: match[1] === '' } : undefined
}
