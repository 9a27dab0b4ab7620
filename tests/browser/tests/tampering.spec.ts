/** Something between browser and node changes an answer: the page says so, shows no changed number, and locks. */

import { inChannel, inHistory, replay, signature } from '../src/forgery.js'
import { expectLocked, expectUnlocked, proved, sat, t } from '../src/pages.js'
import { Proxy } from '../src/proxy.js'
import { expect, test as base, type Page } from '../src/test.js'

const SERVICE = '/api/services/lightning/v1'
/** `local_msat` in `ChannelRecord` and in `HistoryEntry`. */
const CHANNEL_LOCAL = 8
const HISTORY_LOCAL = 6

interface Fixtures {
  between: Proxy
  page: Page
  /** Something that Alice could pay. */
  invoice: string
}

const test = base.extend<Fixtures>({
  between: async ({ world }, use) => {
    await world.channel(world.alice)
    const between = await Proxy.start(world.alice.address.url)
    await use(between)
    await between.stop()
  },
  invoice: async ({ world }, use) => {
    const asked = { amount: '1sat', description: 'what is not paid', expiry_seconds: 86_400 }
    await use((await world.hub.post<{ invoice: string }>('invoices', asked)).invoice)
  },
  // Alice's page by way of the between, which changes nothing yet.
  page: async ({ world, between, visit }, use) => {
    const page = await visit(world.alice, { link: world.alice.linkAt(between.url) })
    await expect(proved(page).first()).toBeVisible()
    await expect(page.getByRole('alert')).toHaveCount(0)
    await use(page)
  },
})

test('page by way of something that changes nothing is proved and may spend', async ({ page, invoice }) => {
  await expectUnlocked(page, invoice)
})

test('changed balance is refuted, not shown, and locks', async ({ world, between, page, invoice }) => {
  const { channel_id, local_msat } = await world.channel(world.alice)
  const from = BigInt(local_msat)
  const to = from + 1_000_000n
  const change = inChannel(channel_id, { number: CHANNEL_LOCAL, from, to })
  between.change = (path, json) => (path.startsWith(`${SERVICE}/channels?`) ? change(json) : undefined)
  await page.reload()
  await expect(page.getByText(t.refuted).first()).toBeVisible()
  expect(between.changed).toBeGreaterThan(0)
  await expect(page.getByText(sat(to / 1000n))).toHaveCount(0)
  await expectLocked(page, invoice)
  await expect(page.getByText(sat(to / 1000n))).toHaveCount(0)
})

test('changed history entry is refuted, not shown, and locks', async ({ world, between, page, invoice }) => {
  const { channel_id, local_msat } = await world.channel(world.alice)
  const change = inHistory(HISTORY_LOCAL, 7_000_000n)
  between.change = (path, json) => (path.includes('/history?') ? change(json) : undefined)
  await page.goto(`${between.url}/channels/${channel_id}`)
  await expect(page.getByText(t.refuted).first()).toBeVisible()
  expect(between.changed).toBeGreaterThan(0)
  await expect(page.getByText(sat((BigInt(local_msat) + 7_000_000n) / 1000n))).toHaveCount(0)
  await expectLocked(page, invoice)
})

test('changed signature on the block is refuted and locks', async ({ between, page, invoice }) => {
  between.change = (path, json) => (path.endsWith('proof=true') ? signature(json) : undefined)
  await page.reload()
  await expect(page.getByText(t.refuted).first()).toBeVisible()
  expect(between.changed).toBeGreaterThan(0)
  await expect(proved(page)).toHaveCount(0)
  await expectLocked(page, invoice)
})

test('changed validator key is shown loudly, and nothing else is', async ({ world, between, page }) => {
  const known = world.alice.address.validatorKey
  const other = world.hub.address.validatorKey
  between.change = (path, json) =>
    path === `${SERVICE}/info` ? { ...(json as object), validator_key: other } : undefined
  await page.reload()
  await expect(page.getByRole('heading', { name: t.pinChanged })).toBeVisible()
  expect(between.changed).toBeGreaterThan(0)
  await expect(page.getByText(known)).toBeVisible()
  await expect(page.getByText(other)).toBeVisible()
  await expect(page.getByRole('navigation')).toHaveCount(0)
  await expect(page.getByRole('button')).toHaveText([t.pinReplace])
})

test('another ledger under the known key is refuted and locks', async ({ world, between, page, invoice }) => {
  // All of the hub's answers, each rightly signed, but by the hub.
  const { validatorKey } = world.alice.address
  between.turnTo(world.hub.address)
  between.change = (path, json) =>
    path === `${SERVICE}/info` ? { ...(json as object), validator_key: validatorKey } : undefined
  await page.reload()
  await expect(page.getByText(t.refuted).first()).toBeVisible()
  await expect(proved(page)).toHaveCount(0)
  await expectLocked(page, invoice)
})

test('old head is refused once a newer one was seen, even by a page that is loaded anew', async ({
  world,
  between,
  page,
  invoice,
}) => {
  const recorded = new Map<string, unknown>()
  between.change = (path, json) => {
    recorded.set(path, json)
    return undefined
  }
  await page.reload()
  await expect(proved(page).first()).toBeVisible()
  // Every answer, so that later none of them is new.
  await expect(page.getByText(t.checking, { exact: true })).toHaveCount(0)
  const before = await world.alice.ledgerHeight()
  await world.alice.post('invoices', { amount: '1sat', description: 'a newer block' })
  const after = await world.alice.ledgerHeight()
  expect(after).toBeGreaterThan(before)
  between.change = undefined
  await page.reload()
  await expect(page.getByRole('button', { name: `${t.provedAt} ${after}` }).first()).toBeVisible()

  // Of all that the node says, only the old: nothing but what this browser remembers speaks against it.
  between.change = replay(recorded)
  between.isDeaf = true
  await page.reload()
  await expect(page.getByText(t.refuted).first()).toBeVisible()
  expect(between.changed).toBeGreaterThan(0)
  await expect(proved(page)).toHaveCount(0)
  await expectLocked(page, invoice)
})
