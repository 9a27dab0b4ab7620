/** The examples of BOLT 11. */

import { expect, test } from 'vitest'

import { decodeInvoice, descriptionOf, readPayTarget } from '../src/index.js'

const PAYEE = '03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad'
const HASH = '0001020304050607080900010203040506070809000102030405060708090102'
/** BOLT 12's vector "with amount". */
const OFFER = 'lno1pqpzwyq2p32x2um5ypmx2cm5dae8x93pqthvwfzadd7jejes8q9lhc4rvjxd022zv5l44g6qah82ru5rdpnpj'
const DONATION =
  'lnbc1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6twvus8g6rfwvs8qun0dfjkxaq9qrsgq357wnc5r2ueh7ck6q93dj32dlqnls087fxdwk8qakdyafkq3yap9us6v52vjjsrvywa6rt52cm9r9zqt8r2t7mlcwspyetp5h2tztugp9lfyql'
const COFFEE =
  'lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh'
const PICO =
  'lnbc9678785340p1pwmna7lpp5gc3xfm08u9qy06djf8dfflhugl6p7lgza6dsjxq454gxhj9t7a0sd8dgfkx7cmtwd68yetpd5s9xar0wfjn5gpc8qhrsdfq24f5ggrxdaezqsnvda3kkum5wfjkzmfqf3jkgem9wgsyuctwdus9xgrcyqcjcgpzgfskx6eqf9hzqnteypzxz7fzypfhg6trddjhygrcyqezcgpzfysywmm5ypxxjemgw3hxjmn8yptk7untd9hxwg3q2d6xjcmtv4ezq7pqxgsxzmnyyqcjqmt0wfjjq6t5v4khxsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygsxqyjw5qcqp2rzjq0gxwkzc8w6323m55m4jyxcjwmy7stt9hwkwe2qxmy8zpsgg7jcuwz87fcqqeuqqqyqqqqlgqqqqn3qq9q9qrsgqrvgkpnmps664wgkp43l22qsgdw4ve24aca4nymnxddlnp8vh9v2sdxlu5ywdxefsfvm0fq3sesf08uf6q9a2ke0hc9j6z6wlxg5z5kqpu2v9wz'

test('invoice of the specification is read, and its payee is told by its signature', () => {
  expect(decodeInvoice(DONATION)).toEqual({
    network: 'bitcoin',
    amountMsat: undefined,
    paymentHash: HASH,
    payee: PAYEE,
    description: 'Please consider supporting this project',
    descriptionHash: undefined,
    createdAt: new Date(1_496_314_658_000),
    expiresAt: new Date((1_496_314_658 + 3_600) * 1000),
    minFinalCltvExpiry: 18,
  })
  expect(decodeInvoice(COFFEE)).toMatchObject({ amountMsat: 250_000_000n, description: '1 cup coffee', payee: PAYEE })
  expect(decodeInvoice(COFFEE.toUpperCase())).toEqual(decodeInvoice(COFFEE))
  expect(decodeInvoice(PICO)).toMatchObject({ amountMsat: 967_878_534n, payee: PAYEE })
})

test('invoice that the specification calls invalid is refused', () => {
  const bad = [
    // A bad checksum, no letter 1, mixed case.
    DONATION.slice(0, -1) + 'q',
    'pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6twvus8g6rfwvs8qun0dfjkxaq8rkx3yf5tcsyz3d73gafnh3cax9rn449d9p5uxz9ezhhypd0elx87sjle52x86fux2ypatgddc6k63n7erqz25le42c4u4ecky03ylcqca784w',
    `LNBC2500u${COFFEE.slice(9)}`,
    // The signature is not recoverable.
    'lnbc2500u1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpuaxtrnwngzn3kdzw5hydlzf03qdgm2hdq27cqv3agm2awhz5se903vruatfhq77w3ls4evs3ch9zw97j25emudupq63nyw24cg27h2rspk28uwq',
    // Too short, and an amount below a thousandth of a satoshi.
    'lnbc1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6na6hlh',
    'lnbc2500x1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpujr6jxr9gq9pv6g46y7d20jfkegkg4gljz2ea2a3m9lmvvr95tq2s0kvu70u3axgelz3kyvtp2ywwt0y8hkx2869zq5dll9nelr83zzqqpgl2zg',
    'lnbc2500000001p1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu7hqtk93pkf7sw55rdv4k9z2vj050rxdr6za9ekfs3nlt5lr89jqpdmxsmlj9urqumg0h9wzpqecw7th56tdms40p2ny9q4ddvjsedzcplva53s',
  ]
  for (const text of bad) expect(() => decodeInvoice(text), text).toThrow()
})

test('description alone is read where there is one, and nothing is thrown where there is none', () => {
  expect(descriptionOf(COFFEE)).toBe('1 cup coffee')
  for (const text of ['', 'lnbc1', COFFEE.slice(0, -1), 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080']) expect(descriptionOf(text)).toBe('')
})

test('any changed letter is caught', () => {
  for (const at of [9, 40, 120, 200, COFFEE.length - 120, COFFEE.length - 8]) {
    const letter = COFFEE[at] === 'q' ? 'p' : 'q'
    expect(() => decodeInvoice(COFFEE.slice(0, at) + letter + COFFEE.slice(at + 1))).toThrow()
  }
})

test('box takes whatever people paste', () => {
  for (const text of [DONATION, ` lightning:${DONATION} `, `LIGHTNING:${DONATION.toUpperCase()}`, `lightning://${DONATION}`]) {
    expect(readPayTarget(text)).toMatchObject({ kind: 'invoice', text: DONATION })
  }
  const address = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080'
  expect(readPayTarget(address)).toMatchObject({ kind: 'address', address, network: 'regtest' })
  expect(readPayTarget(`bitcoin:${address}?amount=0.00050001&label=tea%20house`)).toEqual({
    kind: 'address',
    address,
    network: 'regtest',
    amountSat: 50_001n,
    label: 'tea house',
  })
  expect(readPayTarget(`bitcoin:?lightning=${DONATION}`)).toMatchObject({ kind: 'invoice' })
  expect(readPayTarget(`BITCOIN:${address.toUpperCase()}?LIGHTNING=${DONATION.toUpperCase()}`)).toMatchObject({ kind: 'invoice' })
  expect(readPayTarget('1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2')).toMatchObject({ kind: 'address' })
  expect(readPayTarget('bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0')).toMatchObject({ kind: 'address', network: 'bitcoin' })
  expect(readPayTarget(`${PAYEE}@127.0.0.1:9735`)).toEqual({ kind: 'node', nodeId: PAYEE, address: '127.0.0.1:9735' })
  expect(readPayTarget(`${PAYEE}@[::1]:9735`)).toMatchObject({ kind: 'node', address: '[::1]:9735' })
  expect(readPayTarget(PAYEE)).toEqual({ kind: 'node', nodeId: PAYEE, address: undefined })
})

test('box takes what was broken into lines, spelled in the upper case of QR codes, or pasted with what cannot be seen', () => {
  const broken = (text: string, every: number) => text.replace(new RegExp(`(.{${every}})`, 'g'), '$1\r\n ')
  const upper = (text: string) => text.toUpperCase()
  const address = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080'
  for (const text of [broken(DONATION, 40), broken(`lightning:${DONATION}`, 33), `\ufeff${DONATION}\u200b\n`, `LIGHTNING:\n${upper(DONATION)}`]) {
    expect(readPayTarget(text), text).toMatchObject({ kind: 'invoice', text: DONATION })
  }
  for (const text of [broken(address, 10), ` ${upper(address)}\n`, `bitcoin://${address}`, broken(`bitcoin:${address}`, 20).replaceAll(' ', '')]) {
    expect(readPayTarget(text), text).toMatchObject({ kind: 'address', address, network: 'regtest' })
  }
  expect(readPayTarget(`BITCOIN:${upper(address)}?AMOUNT=0.001&Label=Tea house`)).toMatchObject({ address, amountSat: 100_000n, label: 'Tea house' })
  expect(readPayTarget(`bitcoin:?Lightning=${upper(DONATION)}`)).toMatchObject({ kind: 'invoice', text: DONATION })
  // An offer beside an address leaves the address; an invoice that is mistyped does too.
  expect(readPayTarget(`bitcoin:${address}?lno=lno1qqqq`)).toMatchObject({ kind: 'address' })
  expect(readPayTarget(`bitcoin:${address}?lightning=${DONATION.slice(0, -1)}`)).toMatchObject({ kind: 'address' })
  for (const text of [`${upper(PAYEE)}@host:9735`, broken(`${PAYEE}@host:9735`, 30), `lightning:${PAYEE}@host:9735`]) {
    expect(readPayTarget(text), text).toMatchObject({ kind: 'node', nodeId: PAYEE })
  }
  for (const text of [OFFER, upper(OFFER), `lightning:${OFFER}`, broken(OFFER, 30), `${OFFER.slice(0, 20)}+\n ${OFFER.slice(20)}`, `l+${OFFER.slice(1)}`]) {
    expect(readPayTarget(text), text).toMatchObject({ kind: 'offer', text: OFFER, offer: { amountMsat: 10_000n } })
  }
  expect(readPayTarget(`bitcoin:${address}?lno=${upper(OFFER)}`)).toMatchObject({ kind: 'offer', text: OFFER })
  expect(readPayTarget('lightning:LNURL1DP68GURN8GHJ7')).toMatchObject({ kind: 'unsupported', what: 'lnurl' })
  expect(readPayTarget('bitcoin:?lightning=LNURL1DP68GURN8GHJ7')).toMatchObject({ kind: 'unsupported', what: 'lnurl' })
})

test('box says what it cannot pay, and refuses what is mistyped', () => {
  expect(readPayTarget('lno1qqqq')).toMatchObject({ kind: 'nothing', why: 'offer' })
  expect(readPayTarget('bitcoin:?lno=lno1qqqq')).toMatchObject({ kind: 'nothing', why: 'offer' })
  expect(readPayTarget('₿alice@example.com')).toMatchObject({ kind: 'unsupported', what: 'lightning_address' })
  expect(readPayTarget('lnurlp://example.com/x')).toMatchObject({ kind: 'unsupported', what: 'lnurl' })
  const nothing: [text: string, why: string][] = [
    ['', 'unknown'],
    ['hello', 'unknown'],
    ['bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt081', 'address'],
    ['bc1qw508d6qejxtdg4y5r3zarvary0c5xw7k7grplx', 'address'],
    ['bitcoin:bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080?amount=1e3', 'amount'],
    ['bitcoin:bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080?req-pjx=1', 'demand'],
    ['bitcoin:', 'empty_link'],
    [COFFEE.slice(0, -1), 'invoice'],
  ]
  for (const [text, why] of nothing) expect(readPayTarget(text), text).toMatchObject({ kind: 'nothing', why })
})
