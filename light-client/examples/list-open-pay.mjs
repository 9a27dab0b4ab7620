// Lists the channels of a node, opens another one, and pays an invoice over it. Every answer is proved.
//   node list-open-pay.mjs URL READ_TOKEN VALIDATOR_KEY OPERATOR_KEY_FILE PEER@HOST:PORT SATOSHIS INVOICE
import { readFileSync } from 'node:fs'
import { fromHex, keyPair, LightClient, Operator, verifyReceipt } from '@zarnitsa/light-client'

const [url, token, validatorKey, keyFile, uri, sat, invoice] = process.argv.slice(2)
const client = new LightClient({ url, token, validatorKey })
const operator = new Operator(client, keyPair(fromHex(readFileSync(keyFile, 'utf8').trim())))

const { value: channels, block } = await client.channels()
console.log(`${channels.length} channels, proved at block ${block.height}`)
for (const { channelId, state, localMsat } of channels) console.log(channelId, state, `${localMsat} msat`)

const [peer, address] = uri.split('@')
const channelId = await operator.openChannel({ peer, address, amountSat: BigInt(sat) })
console.log(`opened ${channelId}`)
while ((await client.channel(channelId)).value.state !== 'normal') await new Promise((next) => setTimeout(next, 200))

const payment = await operator.pay({ invoice })
console.log(`payment ${payment.status}: ${payment.preimage ?? payment.failure}`)
console.log(`receipt of block ${verifyReceipt(await client.receipt('sent', payment.paymentHash), validatorKey).block.height}`)
