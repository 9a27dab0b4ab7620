/** Runs before the first test: the world stands until the last one is over. */

import { startWorld } from './world.js'

export default async function globalSetup(): Promise<() => Promise<void>> {
  const { address, stop } = await startWorld()
  // The tests run in processes of their own, which inherit this.
  process.env.ZARNITSA_TEST_WORLD = JSON.stringify(address)
  return stop
}
