import { expect, test } from 'vitest'

import { blocksAsTime, formatBtc, formatMsat, parseAmount, parseSat, percent, shorten, strangersText } from '../src/format'

test('amounts show thousandths only where there are some', () => {
  expect(formatMsat(1_500_000n, 'en')).toBe('1,500')
  expect(formatMsat(1_500_050n, 'en')).toBe('1,500.05')
  expect(formatMsat(-1n, 'ru')).toBe('−0,001')
  expect(formatMsat(2_100_000_000_000_000_001n, 'en')).toBe('2,100,000,000,000,000.001')
})

test('bitcoins have eight decimals, and more only where there are thousandths of a satoshi', () => {
  expect(formatBtc(100_000_000_000n, 'en')).toBe('1.00000000')
  expect(formatBtc(1_000n, 'en')).toBe('0.00000001')
  expect(formatBtc(1_001n, 'en')).toBe('0.00000001001')
  expect(formatBtc(-2_100_000_000_000_000_000n, 'en')).toBe('−21,000,000.00000000')
})

test('amounts are read exactly, and what is none is refused', () => {
  expect(parseSat('1 500,5')).toBe(1_500_500n)
  expect(parseSat('9007199254740993')).toBe(9_007_199_254_740_993_000n)
  for (const text of ['', '-1', '1e3', '0x1', '1.2345', 'NaN', '1.']) expect(parseSat(text), text).toBeUndefined()
  expect(parseAmount('0.00001', 'btc')).toBe(1_000_000n)
  expect(parseAmount('21000000', 'btc')).toBe(2_100_000_000_000_000_000n)
  for (const text of ['0.000000000001', '.1', '1btc']) expect(parseAmount(text, 'btc'), text).toBeUndefined()
})

test('what is shown in a unit is read back in it', () => {
  for (const msat of [1n, 999n, 1_000n, 123_456_789_012n, 2_100_000_000_000_000_000n]) {
    expect(parseAmount(formatMsat(msat, 'en').replaceAll(',', ''), 'sat')).toBe(msat)
    expect(parseAmount(formatBtc(msat, 'en').replaceAll(',', ''), 'btc')).toBe(msat)
  }
})

test('text from a stranger loses what could lie about its order or hide', () => {
  expect(strangersText('a\u202Eb\u0007c')).toBe('a b c')
  expect(strangersText('pay\u200Bpal\u00AD\u{E0041}')).toBe('pay pal  ')
  expect(strangersText('зарница ⚡ 雷')).toBe('зарница ⚡ 雷')
  expect(strangersText('x'.repeat(10_000))).toHaveLength(640)
})

test('shares of a bar are right at their ends', () => {
  expect(percent(0n, 0n)).toBe(0)
  expect(percent(1n, 3n)).toBe(33.3)
  expect(percent(5n, 5n)).toBe(100)
})

test('blocks are told as time', () => {
  expect(blocksAsTime(1, 'en')).toBe('10 minutes')
  expect(blocksAsTime(24, 'en')).toBe('4 hours')
  expect(blocksAsTime(2_016, 'en')).toBe('14 days')
  expect(blocksAsTime(144, 'ru')).toBe('24 часа')
})

test('ids are shortened in the middle', () => {
  expect(shorten('0123456789abcdef')).toBe('012345…abcdef')
  expect(shorten('short')).toBe('short')
})
