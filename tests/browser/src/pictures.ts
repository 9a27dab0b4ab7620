/** Pictures of pages, for people to look at: in a folder that git ignores. */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Page } from './test.js'

const FOLDER = join(fileURLToPath(import.meta.url), '../../../../screenshots')

export async function picture(page: Page, name: string): Promise<void> {
  mkdirSync(FOLDER, { recursive: true })
  await page.screenshot({ path: join(FOLDER, `${name}.png`), fullPage: true, animations: 'disabled' })
}
