/** The receipt page: one file, opened from disk, that checks receipts with the light client's own code and no network. */

import './style.css'

import { isHex, verifyReceipt, type VerifiedReceipt } from '@zarnitsa/light-client'

import { formatMoment, formatMsat, strangersText } from '../format'
import { receiptText } from './text'

const language = navigator.language
const t = receiptText(language)

/** Text goes in as text: a receipt comes from a stranger. */
function element(tag: string, text = '', ...children: Node[]): HTMLElement {
  const made = document.createElement(tag)
  made.append(text, ...children)
  return made
}

function field(label: string, input: HTMLInputElement): HTMLElement {
  const made = element('label', '', element('span', label), input)
  return made
}

function input(type: string, attributes: Record<string, string>): HTMLInputElement {
  const made = document.createElement('input')
  made.type = type
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  return made
}

function facts(receipt: VerifiedReceipt, isKeyGiven: boolean): HTMLElement {
  const sat = (msat: bigint) => `${formatMsat(msat, language)} sat`
  const rows: [string, string][] = [
    [t.kind, receipt.kind === 'sent' ? t.sent : t.received],
    [t.amount, sat(receipt.amountMsat)],
  ]
  if (receipt.feeMsat !== undefined) rows.push([t.fee, sat(receipt.feeMsat)])
  if (receipt.description) rows.push([t.description, strangersText(receipt.description)])
  rows.push(
    [receipt.invoice ? t.payee : t.payeeUnsigned, receipt.payee],
    [t.hash, receipt.paymentHash],
    [t.preimage, receipt.preimage],
    [t.signedAt, formatMoment(receipt.block.time, language)],
    [t.block, `${receipt.block.height}: ${receipt.block.hash}`],
    [t.ledgerKey, `${receipt.validatorKey} (${isKeyGiven ? t.keyMatches : t.keyUnknown})`],
  )
  return element('dl', '', ...rows.flatMap(([name, value]) => [element('dt', name), element('dd', value)]))
}

/** What comes of a receipt's text, as it is shown. */
function verdict(text: string, key: string): HTMLElement {
  const section = element('section')
  section.setAttribute('role', 'status')
  try {
    if (key !== '' && !isHex(key, 32)) throw new Error(t.keyWrong)
    const receipt = verifyReceipt(parse(text), key === '' ? undefined : key)
    section.className = 'good'
    section.append(element('h2', `✓ ${t.good}`), facts(receipt, key !== ''), element('p', t.meaning))
  } catch (error) {
    section.className = 'bad'
    section.setAttribute('role', 'alert')
    const reason = error instanceof Error ? error.message : String(error)
    section.append(element('h2', `✗ ${t.bad}`), element('p', strangersText(reason)))
  }
  return section
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error(t.notJson)
  }
}

function start(root: HTMLElement): void {
  document.documentElement.lang = t === receiptText('ru') ? 'ru' : 'en'
  document.title = `Zarnitsa: ${t.title}`
  const file = input('file', { accept: '.json,application/json' })
  const key = input('text', { placeholder: t.keyHint, autocomplete: 'off', spellcheck: 'false' })
  const place = element('div')
  let asked = 0
  const check = async () => {
    const mine = ++asked
    const text = await file.files?.[0]?.text()
    // Another file or key was given while this one was read.
    if (mine !== asked) return
    place.replaceChildren(...(text === undefined ? [] : [verdict(text, key.value.trim().toLowerCase())]))
  }
  file.addEventListener('change', () => void check())
  key.addEventListener('input', () => void check())
  const form = element('form', '', field(t.file, file), field(t.key, key))
  form.addEventListener('submit', (event) => event.preventDefault())
  root.replaceChildren(element('h1', t.title), element('p', t.about), form, place)
}

const root = document.getElementById('root')
if (!root) throw new Error('receipt.html has no #root')
start(root)
