/** The main flow without a mouse. */

import { press, tabTo, type } from '../src/keyboard.js'
import { AMOUNT, bringRightKey, button, paid, place, proved, sat, state, t } from '../src/pages.js'
import { expect, test } from '../src/test.js'

test('payment is made and asked for with the keyboard alone', async ({ world, visit }) => {
  await world.channel(world.alice)
  const asked = { amount: '777sat', description: 'typed' }
  const { invoice } = await world.hub.post<{ invoice: string }>('invoices', asked)
  const page = await visit(world.alice)
  await bringRightKey(page, world.alice)

  await press(page, place(page, t.pay))
  await expect(page.getByRole('heading', { level: 1 })).toBeFocused()
  await type(page, page.getByLabel(t.payBox), invoice)
  await expect(page.getByRole('main')).toContainText(sat(777))
  await press(page, button(page.getByRole('main'), t.payNow))
  await paid(page)

  await press(page, place(page, t.receive))
  await type(page, page.getByLabel(AMOUNT), '55')
  await type(page, page.getByLabel(t.description, { exact: true }), 'asked for by keyboard')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { name: t.waiting })).toBeVisible()
  await expect(page.getByRole('main')).toContainText('asked for by keyboard')
})

test('channel is opened and closed with the keyboard alone', async ({ world, visit }) => {
  const page = await visit(world.alice)
  await bringRightKey(page, world.alice)
  await press(page, place(page, t.channels))
  await press(page, button(page, t.openChannel))
  const opening = page.getByRole('dialog', { name: t.openChannel })
  await type(page, opening.getByLabel(t.peerAddress, { exact: true }), world.hub.address.uri)
  await type(page, opening.getByLabel(AMOUNT), '250000')
  await page.keyboard.press('Enter')
  await page.waitForURL(/\/channels\/[0-9a-f]{64}$/)
  const id = page.url().slice(-64)
  await world.settle((await world.alice.channel(id)).opening_txid)
  await world.usable(world.alice, id)
  await expect(state(page, t.states.normal)).toBeVisible()

  await press(page, button(page, t.closeChannel))
  const closing = page.getByRole('dialog', { name: t.closeChannel })
  await press(page, button(closing, t.closeChannel))
  await expect(state(page, t.states.closing)).toBeVisible()
  await world.settle((await world.alice.channel(id)).closing_txid ?? '')
  await expect(state(page, t.states.closed)).toBeVisible()
})

test('proof is opened, read and closed with the keyboard alone, and the focus comes back', async ({ world, visit }) => {
  await world.channel(world.alice)
  const page = await visit(world.alice)
  const badge = proved(page).first()
  await press(page, badge)
  const dialog = page.getByRole('dialog', { name: t.proofTitle })
  await expect(dialog).toBeVisible()
  await expect(dialog).toContainText('lightning.')
  await page.keyboard.press('Escape')
  await expect(dialog).toBeHidden()
  await expect(badge).toBeFocused()
  await tabTo(page, place(page, t.channels))
})
