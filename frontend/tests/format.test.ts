import { expect, test } from 'vitest'

import { formatMsat, parseSat, readInvoiceText, shorten, strangersText } from '../src/format'

test('amounts show thousandths only where there are some', () => {
  expect(formatMsat(1_500_000n, 'en')).toBe('1,500')
  expect(formatMsat(1_500_050n, 'en')).toBe('1,500.05')
  expect(formatMsat(-1n, 'ru')).toBe('−0,001')
  expect(formatMsat(2_100_000_000_000_000_001n, 'en')).toBe('2,100,000,000,000,000.001')
})

test('amounts are read exactly, and what is none is refused', () => {
  expect(parseSat('1 500,5')).toBe(1_500_500n)
  expect(parseSat('9007199254740993')).toBe(9_007_199_254_740_993_000n)
  for (const text of ['', '-1', '1e3', '0x1', '1.2345', 'NaN', '1.']) expect(parseSat(text)).toBeUndefined()
})

test('text from a stranger loses what could lie about its order', () => {
  expect(strangersText('a\u202Eb\u0007c')).toBe('a b c')
  expect(strangersText('x'.repeat(10_000))).toHaveLength(640)
})

test('invoice is found in what people paste', () => {
  const body = `1p${'q'.repeat(80)}`
  expect(readInvoiceText(`  LIGHTNING:LNBCRT${body.toUpperCase()} `)).toEqual({ invoice: `lnbcrt${body}`, isOpen: true })
  expect(readInvoiceText(`lnbc10u${body}`)).toMatchObject({ isOpen: false })
  for (const text of ['', 'hello', 'bc1qxyz', `lnxx${body}`]) expect(readInvoiceText(text)).toBeUndefined()
})

test('ids are shortened in the middle', () => {
  expect(shorten('0123456789abcdef')).toBe('012345…abcdef')
  expect(shorten('short')).toBe('short')
})
