/** The main flow without a mouse. */

import { press, tabTo, type } from '../src/keyboard.js'
import { createInvoice, sat, t } from '../src/pages.js'
import { expect, test, type Page } from '../src/test.js'

test('payment is made and asked for with the keyboard alone', async ({ world, visit }) => {
  await world.channel(world.alice)
  const hub = await visit(world.hub)
  const invoice = await createInvoice(hub, 777, 'typed')
  const page = await visit(world.alice)

  await press(page, link(page, t.pay))
  await type(page, page.getByLabel(t.invoice), invoice)
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { name: t.paid })).toBeVisible()

  await press(page, link(page, t.receive))
  await type(page, page.getByLabel(t.amountSat), '55')
  await type(page, page.getByLabel(t.description), 'asked for by keyboard')
  await page.keyboard.press('Enter')
  await expect(page.getByText('asked for by keyboard')).toBeVisible()
  await expect(hub.getByText(sat(777)).first()).toBeVisible()
})

test('proof is opened, read and closed with the keyboard alone, and the focus comes back', async ({ world, visit }) => {
  await world.channel(world.alice)
  const page = await visit(world.alice)
  const badge = page.getByRole('button', { name: new RegExp(t.provedAt) }).first()
  await press(page, badge)
  const dialog = page.getByRole('dialog', { name: t.proofTitle })
  await expect(dialog).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(dialog).toBeHidden()
  await expect(badge).toBeFocused()
  await tabTo(page, link(page, t.channels))
})

const link = (page: Page, name: string) => page.getByRole('navigation').getByRole('link', { name, exact: true })
