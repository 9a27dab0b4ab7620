import { expect, test } from 'vitest'

import { LightClient } from '../src/index.js'
import { sealChannels } from './sealed.js'

test('50 channels are proved, and none of them can be left out', async () => {
  const { validatorKey, answer } = sealChannels(50)
  const client = (body: unknown) => {
    const fetch = () => Promise.resolve(new Response(JSON.stringify(body)))
    return new LightClient({ url: 'http://node', validatorKey, fetch })
  }
  const start = performance.now()
  const { value } = await client(answer).channels()
  console.log(`50 channels proved in ${(performance.now() - start).toFixed(0)} ms`)
  expect(value).toHaveLength(50)
  const { to_channel: whole, ...rest } = answer as { to_channel: { entries: unknown[]; proof: unknown[] } }
  const fewer = { ...rest, to_channel: { ...whole, entries: whole.entries.slice(1) } }
  await expect(client(fewer).channels()).rejects.toMatchObject({ code: 'mismatch' })
})
