/** What a person does on the pages, found by role and label. The words are the UI's own. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { en as t } from '../../../frontend/src/text/en/index.js'
import type { Node } from './node.js'
import { expect, type Locator, type Page } from './test.js'

export { t }

const PASSPHRASE = 'a passphrase of the tests'

/** A field for an amount, in the unit that pages begin with. */
export const AMOUNT = `${t.amount}, sat`

/** A link of the navigation. */
export const place = (page: Page, name: string) =>
  page.getByRole('navigation', { name: t.mainNavigation }).getByRole('link', { name, exact: true })

/** Goes to a page by the navigation. */
export async function goTo(page: Page, name: string): Promise<void> {
  await place(page, name).click()
  await expect(page.getByRole('heading', { level: 1 })).toContainText(name)
}

export const button = (where: Page | Locator, name: string) => where.getByRole('button', { name, exact: true })

/** The mark that says that what stands beside it is proved. */
export const proved = (where: Page | Locator) => where.getByRole('button', { name: new RegExp(t.provedAt) })

/** An amount as the pages write it. */
export const sat = (amount: number | bigint) => new Intl.NumberFormat('en').format(amount)

/** The mark that says where a channel stands. */
export const state = (page: Page, word: string) => page.getByText(word, { exact: true }).and(page.locator('.pill'))

/** Brings the operator's key into this browser, as its owner does once: from its file, under a new passphrase. */
export async function bringKey(page: Page, node: Node, file = 'operator.key'): Promise<void> {
  await button(page, t.keyNone).click()
  const dialog = page.getByRole('dialog', { name: t.bringKey })
  const key = await readFile(join(node.address.dataDir, 'regtest', file))
  await dialog.getByLabel(t.keyFile).setInputFiles({ name: file, mimeType: 'text/plain', buffer: key })
  await dialog.getByLabel(t.newPassphrase).fill(PASSPHRASE)
  await dialog.getByLabel(t.passphraseAgain).fill(PASSPHRASE)
  await button(dialog, t.keepKey).click()
}

/** The same, and waits until orders can be signed. */
export async function bringRightKey(page: Page, node: Node): Promise<void> {
  await bringKey(page, node)
  await expect(button(page, t.keyUnlocked)).toBeVisible()
}

/** Unlocks the key that is kept in this browser, when an order asks for it. */
export async function unlock(page: Page): Promise<void> {
  const dialog = page.getByRole('dialog', { name: t.unlockKey })
  await dialog.getByLabel(t.passphrase, { exact: true }).fill(PASSPHRASE)
  await button(dialog, t.unlock).click()
  await expect(dialog).toBeHidden()
}

/** Opens a channel by the dialog, and gives its id. */
export async function openChannel(page: Page, peer: string, amountSat: number): Promise<string> {
  await goTo(page, t.channels)
  await button(page, t.openChannel).click()
  const dialog = page.getByRole('dialog', { name: t.openChannel })
  await dialog.getByLabel(t.peerAddress, { exact: true }).fill(peer)
  await dialog.getByLabel(AMOUNT).fill(String(amountSat))
  await button(dialog, t.open).click()
  await page.waitForURL(/\/channels\/[0-9a-f]{64}$/)
  return page.url().slice(-64)
}

/** Makes an invoice, one that holds what is paid where that is wanted, and gives its text. */
export async function createInvoice(page: Page, amountSat: number, description: string, hold = false): Promise<string> {
  await goTo(page, t.receive)
  await page.getByLabel(AMOUNT).fill(String(amountSat))
  await page.getByLabel(t.description, { exact: true }).fill(description)
  if (hold) {
    await page.getByText(t.moreChoices).click()
    await page.getByLabel(t.holdChoice).check()
  }
  await button(page, t.create).click()
  return (await page.getByTitle(/^lnbcrt/).getAttribute('title')) ?? ''
}

/** Pastes an invoice, reads what it asks for, and pays it. */
export async function pay(page: Page, invoice: string, amountSat: number): Promise<void> {
  await goTo(page, t.pay)
  await page.getByLabel(t.payBox).fill(invoice)
  await expect(page.getByRole('main')).toContainText(sat(amountSat))
  await button(page.getByRole('main'), t.payNow).click()
}

/** Waits until the page says that a payment was made. */
export async function paid(page: Page): Promise<void> {
  await expect(page.getByRole('heading', { name: t.paid, exact: true })).toBeVisible()
}

/** Nothing can be spent, and the page says why: an invoice that could be paid, a channel that could be opened. */
export async function expectLocked(page: Page, invoice: string, why: string = t.locked): Promise<void> {
  await expect(page.getByRole('alert').filter({ hasText: why })).toBeVisible()
  await goTo(page, t.pay)
  await page.getByLabel(t.payBox).fill(invoice)
  await expect(button(page.getByRole('main'), t.payNow)).toBeDisabled()
  await goTo(page, t.channels)
  await button(page, t.openChannel).click()
  const dialog = page.getByRole('dialog', { name: t.openChannel })
  await expect(button(dialog, t.open)).toBeDisabled()
  await button(dialog, t.close).click()
  await goTo(page, t.receive)
  await expect(button(page, t.create)).toBeDisabled()
}

/** The same buttons where all is well. */
export async function expectUnlocked(page: Page, invoice: string): Promise<void> {
  await goTo(page, t.pay)
  await page.getByLabel(t.payBox).fill(invoice)
  await expect(button(page.getByRole('main'), t.payNow)).toBeEnabled()
  await goTo(page, t.channels)
  await button(page, t.openChannel).click()
  const dialog = page.getByRole('dialog', { name: t.openChannel })
  await expect(button(dialog, t.open)).toBeEnabled()
  await button(dialog, t.close).click()
  await goTo(page, t.receive)
  await expect(button(page, t.create)).toBeEnabled()
}
