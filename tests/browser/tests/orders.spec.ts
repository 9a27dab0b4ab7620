/** What is ordered less often: payments that are held, payments that nobody asked for, several channels at once. */

import { bringRightKey, button, createInvoice, goTo, paid, pay, proved, sat, state, t } from '../src/pages.js'
import { picture } from '../src/pictures.js'
import { expect, test } from '../src/test.js'

test('held payment waits for the operator, who takes one and gives another back', async ({ world, visit }) => {
  await world.channel(world.alice)
  const alice = await visit(world.alice)
  const hub = await visit(world.hub)
  await bringRightKey(alice, world.alice)
  await bringRightKey(hub, world.hub)

  const wanted = await createInvoice(hub, 4_000, 'a lamp, if it is in stock', true)
  await pay(alice, wanted, 4_000)
  await expect(hub.getByRole('heading', { name: t.heldHere })).toBeVisible()
  await expect(state(hub, t.states.held)).toBeVisible()
  await picture(hub, 'held')
  // Nothing is the hub's before it says so.
  await expect(alice.getByRole('heading', { name: t.paid, exact: true })).toBeHidden()
  await button(hub, t.settleInvoice).click()
  await expect(hub.getByRole('heading', { name: t.received, exact: true })).toBeVisible()
  await expect(proved(hub.getByRole('main')).first()).toBeVisible()
  await paid(alice)

  // Whoever is at a page and goes there again begins anew.
  const unwanted = await createInvoice(hub, 3_000, 'a lamp that is sold out', true)
  await pay(alice, unwanted, 3_000)
  await goTo(hub, t.home)
  await expect(hub.getByText(t.heldAttention)).toBeVisible()
  await hub.getByText(t.heldAttention).getByRole('link').click()
  await button(hub, t.giveBack).click()
  await expect(state(hub, t.states.cancelled)).toBeVisible()
  await expect(alice.getByRole('heading', { name: t.failed, exact: true })).toBeVisible()
})

test('node that asked for nothing is paid, and shows what came without an invoice', async ({ world, visit }) => {
  await world.channel(world.alice)
  const alice = await visit(world.alice)
  await bringRightKey(alice, world.alice)
  await goTo(alice, t.pay)
  await alice.getByLabel(t.payBox).fill(world.hub.nodeId)
  await alice.getByLabel(`${t.amount}, sat`).fill('321')
  await picture(alice, 'keysend')
  await button(alice.getByRole('main'), t.keysend).click()
  await paid(alice)
  await expect(alice.getByRole('main')).toContainText(sat(321))

  const hub = await visit(world.hub)
  await goTo(hub, t.payments)
  await hub.getByRole('listitem').filter({ hasText: '+321' }).getByRole('link').first().click()
  await expect(hub.getByRole('main')).toContainText(t.unasked)
})

test('two channels are opened by one transaction', async ({ world, visit }) => {
  await world.bob.post('policy', { accept_channels: true })
  await world.alice.post('policy', { accept_channels: true })
  const hub = await visit(world.hub)
  await bringRightKey(hub, world.hub)
  await goTo(hub, t.channels)
  await button(hub, t.openSeveral).click()
  const dialog = hub.getByRole('dialog', { name: t.openBatch })
  const rows = [
    [world.alice.address.uri, '70000'],
    [world.bob.address.uri, '80000'],
  ] as const
  for (const [at, [node, amount]] of rows.entries()) {
    await dialog.getByLabel(`${t.peerAddress} ${at + 1}`, { exact: true }).fill(node)
    await dialog.getByLabel(`${t.amount} ${at + 1}, sat`).fill(amount)
  }
  await expect(dialog).toContainText(sat(150_000))
  await picture(hub, 'batch')
  await button(dialog, t.openAll(2)).click()
  await expect(dialog).toBeHidden()
  await expect(hub.getByRole('link').filter({ hasText: sat(70_000) })).toBeVisible()
  await expect(hub.getByRole('link').filter({ hasText: sat(80_000) })).toBeVisible()
  const opened = (await world.hub.channels()).filter(({ capacity_sat }) => capacity_sat === 70_000 || capacity_sat === 80_000)
  expect(new Set(opened.map(({ opening_txid }) => opening_txid)).size).toBe(1)
  await world.settle(opened[0]?.opening_txid ?? '')
  for (const { channel_id } of opened) {
    await expect.poll(async () => (await world.hub.channel(channel_id)).state).toBe('normal')
  }
})
