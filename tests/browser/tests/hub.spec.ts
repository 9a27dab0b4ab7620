/** Two users, each with a channel to the hub and none to the other. */

import { bringRightKey, createInvoice, goTo, paid, pay, sat, t } from '../src/pages.js'
import { expect, test } from '../src/test.js'

test('users pay each other through the hub, which earns its fee', async ({ world, visit }) => {
  await world.channel(world.alice)
  await world.channel(world.bob)
  const alice = await visit(world.alice)
  const bob = await visit(world.bob)
  await bringRightKey(alice, world.alice)
  await bringRightKey(bob, world.bob)

  const there = await createInvoice(bob, 30_000, 'a bicycle lamp')
  await pay(alice, there, 30_000)
  await paid(alice)
  await expect(bob.getByRole('heading', { name: t.received, exact: true })).toBeVisible()
  await expect(bob.getByRole('main')).toContainText(sat(30_000))

  const back = await createInvoice(alice, 7_000, 'it was too bright')
  await pay(bob, back, 7_000)
  await paid(bob)
  await expect(alice.getByRole('heading', { name: t.received, exact: true })).toBeVisible()

  const hub = await visit(world.hub)
  await goTo(hub, t.forwards)
  await expect(hub.getByRole('main')).toContainText(sat(30_000))
  await expect(hub.getByRole('main')).toContainText(sat(7_000))
  const forwards = await world.hub.get<{ fee_msat: string; amount_msat: string }[]>('forwards')
  const payments = await Promise.all([world.alice, world.bob].map((user) => user.get<{ fee_msat: string }[]>('payments')))
  const sum = (list: { fee_msat: string }[]) => list.reduce((total, { fee_msat }) => total + BigInt(fee_msat), 0n)
  expect(sum(forwards)).toBeGreaterThan(0n)
  expect(sum(forwards)).toBe(sum(payments.flat()))
})
