/** What the pages give away as files: tables that add up, receipts that prove themselves. */

import { copyFile, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { receiptText } from '../../../frontend/src/receipt/text.js'
import { violations } from '../src/accessibility.js'
import { bringRightKey, button, goTo, paid, pay, t } from '../src/pages.js'
import { picture } from '../src/pictures.js'
import { expect, test, type Page } from '../src/test.js'

test('balance as a table adds up to the thousandth of a satoshi', async ({ world, visit }) => {
  await world.channel(world.alice)
  const page = await visit(world.alice)
  await bringRightKey(page, world.alice)
  const { invoice } = await world.hub.post<{ invoice: string }>('invoices', { amount: '1234567msat' })
  await pay(page, invoice, 1234)
  await paid(page)
  await goTo(page, t.payments)
  const [head = [], ...rows] = table(await download(page, t.csvBalance))
  const column = (name: string) => {
    const at = head.indexOf(name)
    expect(at, name).toBeGreaterThanOrEqual(0)
    return rows.map((row) => BigInt(row[at] ?? ''))
  }
  const changes = column('change_msat')
  let sum = 0n
  const sums = changes.map((change) => (sum += change))
  expect(column('balance_msat')).toEqual(sums)
  const channels = await world.alice.channels()
  const open = channels.filter(({ state }) => state !== 'closed' && state !== 'failed')
  expect(sum).toBe(open.reduce((total, { local_msat }) => total + BigInt(local_msat), 0n))

  const payments = table(await download(page, t.csvPayments))
  const amounts = payments.map((row) => row[(payments[0] ?? []).indexOf('amount_msat')])
  expect(amounts).toContain('1234567')
})

test('backup is saved from the settings, encrypted', async ({ world, visit }) => {
  await world.channel(world.alice)
  const page = await visit(world.alice)
  await goTo(page, t.settings)
  const [file] = await Promise.all([page.waitForEvent('download'), button(page, t.backupSave).click()])
  expect(file.suggestedFilename()).toMatch(/^zarnitsa-\d{4}-\d{2}-\d{2}\.backup$/)
  const bytes = await readFile(await file.path())
  expect(bytes.length).toBeGreaterThan(10_000)
  const key = await readFile(join(world.alice.address.dataDir, 'regtest', 'operator.key'), 'utf8')
  for (const secret of [Buffer.from(key.trim(), 'hex'), Buffer.from(key.trim())]) expect(bytes.includes(secret)).toBe(false)
  await expect(page.getByText(/^Saved, as the node stood/)).toBeVisible()
})

test('receipt is verified by a page from disk, without node or network, and a changed one is not', async ({
  world,
  visit,
}) => {
  await world.channel(world.alice)
  const page = await visit(world.alice)
  await bringRightKey(page, world.alice)
  const asked = { amount: '4321sat', description: 'a kettle' }
  const { invoice, payment_hash } = await world.hub.post<{ invoice: string; payment_hash: string }>('invoices', asked)
  await pay(page, invoice, 4321)
  await paid(page)
  await page.getByRole('link', { name: t.details }).click()
  const receipt = await download(page, t.receipt)
  const [saved] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: t.receiptPage }).click()])

  // Opened in place, the page would be forbidden its own script.
  const { 'content-disposition': kept } = (await page.request.head(`${world.alice.address.url}/receipt.html`)).headers()
  expect(kept).toMatch(/^attachment/)

  const offline = await visit(world.alice, {
    link: pathToFileURL(await renamed(await saved.path(), 'receipts.html')).href,
    options: { offline: true },
  })
  await give(offline, receipt)
  const good = offline.getByRole('status')
  await expect(good).toContainText(words.good)
  for (const fact of ['4,321 sat', 'a kettle', payment_hash, world.hub.nodeId, world.alice.address.validatorKey]) {
    await expect(good).toContainText(fact)
  }
  expect(await violations(offline)).toEqual([])
  await picture(offline, 'receipt')

  const key = offline.getByLabel(words.key)
  await key.fill(world.alice.address.validatorKey)
  await expect(good).toContainText(words.keyMatches)
  await key.fill(world.hub.address.validatorKey)
  await expectBad(offline)
  await key.fill('')
  await expect(good).toContainText(words.good)
  for (const [what, changed] of Object.entries(spoiled(receipt))) {
    expect(changed, what).not.toBe(receipt)
    await give(offline, changed)
    await expectBad(offline)
  }
  await give(offline, receipt)
  await expect(good).toContainText(words.good)
})

const words = receiptText('en')

async function give(page: Page, receipt: string): Promise<void> {
  const file = { name: 'receipt.json', mimeType: 'application/json', buffer: Buffer.from(receipt) }
  await page.getByLabel(words.file).setInputFiles(file)
}

async function expectBad(page: Page): Promise<void> {
  await expect(page.getByRole('alert')).toContainText(words.bad)
  await expect(page.getByText(words.good)).toHaveCount(0)
}

/** What a liar would change, one thing at a time. */
function spoiled(receipt: string): Record<string, string> {
  const parsed = JSON.parse(receipt) as { invoice: string; preimage: string; proof: { block_proof: { precommits: string[] } } }
  const flip = (hex: string) => hex.slice(0, -1) + (hex.endsWith('0') ? '1' : '0')
  const [precommit = ''] = parsed.proof.block_proof.precommits
  return {
    invoice: receipt.replaceAll(parsed.invoice, `${parsed.invoice.slice(0, -1)}${parsed.invoice.endsWith('q') ? 'p' : 'q'}`),
    preimage: receipt.replaceAll(parsed.preimage, flip(parsed.preimage)),
    signature: receipt.replaceAll(precommit, flip(precommit)),
    kind: receipt.replace('"sent"', '"received"'),
    'what is no receipt': '{"format": "zarnitsa-receipt-1"}',
    'what is no JSON': receipt.slice(1),
  }
}

async function download(page: Page, name: string): Promise<string> {
  const [file] = await Promise.all([page.waitForEvent('download'), button(page, name).click()])
  return readFile(await file.path(), 'utf8')
}

/** Browsers go by a file's ending; Playwright's downloads have none. */
async function renamed(path: string, name: string): Promise<string> {
  const copy = join(dirname(path), name)
  await copyFile(path, copy)
  return copy
}

/** None of the cells that are read here is quoted. */
const table = (csv: string) => csv.trim().split('\r\n').map((line) => line.split(','))
