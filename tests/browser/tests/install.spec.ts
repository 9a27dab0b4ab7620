/** The UI as a program of its own: installed by the browser, or in the desktop shell's window. */

import { host } from '../../../frontend/desktop/src/host.js'
import { findOrStart } from '../../../frontend/desktop/src/localNode.js'
import { proved, t } from '../src/pages.js'
import { expect, test } from '../src/test.js'

test('browser finds nothing that would forbid to install the page', async ({ world, visit }) => {
  const page = await visit(world.alice)
  await expect(proved(page).first()).toBeVisible()
  const session = await page.context().newCDPSession(page)
  const { url, errors, data } = await session.send('Page.getAppManifest')
  expect(errors).toEqual([])
  expect(url).toBe(`${world.alice.address.url}/manifest.webmanifest`)
  expect(JSON.parse(data ?? '')).toMatchObject({ name: 'Zarnitsa', display: 'standalone', start_url: '/' })
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors')
  // Playwright's contexts are incognito windows, in which nothing can be installed.
  expect(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito')).toEqual([])
})

test('nothing stays between the page and the node: no service worker, no stored answer', async ({ world, visit }) => {
  const page = await visit(world.alice)
  await expect(proved(page).first()).toBeVisible()
  const kept = await page.evaluate(async () => ({
    workers: (await navigator.serviceWorker.getRegistrations()).length,
    caches: await caches.keys(),
    stored: Object.values({ ...localStorage, ...sessionStorage }).join(' '),
  }))
  expect(kept.workers).toBe(0)
  expect(kept.caches).toEqual([])
  expect(kept.stored).not.toContain(world.alice.address.token)
})

test('desktop shell finds the running node and its link opens the UI', async ({ world, visit }) => {
  const place = { program: '/nowhere', dataDir: world.alice.address.dataDir, network: 'regtest' }
  const { link, origin, process } = await findOrStart(place, host)
  expect(process).toBeUndefined()
  expect(origin).toBe(world.alice.address.url)
  const page = await visit(world.alice, { link })
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(t.home)
  await expect(proved(page).first()).toBeVisible()
})
