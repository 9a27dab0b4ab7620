/** What axe finds, as sentences. */

import axe from 'axe-core'

import type { Page } from './test.js'

export async function violations(page: Page): Promise<string[]> {
  // Not as a script of the page's, which its content security policy forbids.
  await page.evaluate(axe.source)
  const { violations: found } = await page.evaluate(() => {
    const { axe: loaded } = window as unknown as { axe: typeof axe }
    return loaded.run(document, { resultTypes: ['violations'] })
  })
  return found.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`))
}
