/** What a person does on the pages, found by role and label. The words are the UI's own. */

import { en as t } from '../../../frontend/src/text/en.js'
import { expect, type Locator, type Page } from './test.js'

export { t }

/** Goes to a page by the navigation. */
export async function goTo(page: Page, name: string): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name, exact: true }).click()
  await expect(page.getByRole('heading', { level: 1 })).toContainText(name)
}

/** The mark that says that what stands beside it is proved. */
export const proved = (place: Page | Locator) => place.getByRole('button', { name: new RegExp(t.provedAt) })

/** An amount as the pages write it. */
export const sat = (amount: number | bigint) => new Intl.NumberFormat('en').format(amount)

/** Opens a channel by the dialog, and gives its id. */
export async function openChannel(page: Page, peer: string, amountSat: number): Promise<string> {
  await goTo(page, t.channels)
  await page.getByLabel(t.peerAddress).fill(peer)
  await page.getByLabel(t.amountSat).fill(String(amountSat))
  await page.getByRole('button', { name: t.open, exact: true }).click()
  await page.waitForURL(/\/channels\/[0-9a-f]{64}$/)
  return page.url().slice(-64)
}

/** Makes an invoice and gives its text. */
export async function createInvoice(page: Page, amountSat: number, description: string): Promise<string> {
  await goTo(page, t.receive)
  await page.getByLabel(t.amountSat).fill(String(amountSat))
  await page.getByLabel(t.description).fill(description)
  await page.getByRole('button', { name: t.create, exact: true }).click()
  const invoice = page.getByTitle(/^lnbcrt/)
  return (await invoice.getAttribute('title')) ?? ''
}

/** Pays an invoice, and waits for what comes of it. */
export async function pay(page: Page, invoice: string): Promise<void> {
  await goTo(page, t.pay)
  await page.getByLabel(t.invoice).fill(invoice)
  await page.getByRole('button', { name: t.payNow, exact: true }).click()
}

/** Nothing can be spent, and the page says why. */
export async function expectLocked(page: Page): Promise<void> {
  await expect(page.getByRole('alert').filter({ hasText: t.locked })).toBeVisible()
  await goTo(page, t.pay)
  await expect(page.getByRole('button', { name: t.payNow, exact: true })).toBeDisabled()
  await goTo(page, t.channels)
  await expect(page.getByRole('button', { name: t.open, exact: true })).toBeDisabled()
}
