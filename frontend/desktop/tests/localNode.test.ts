// @vitest-environment node

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { host as machine } from '../src/host.js'
import { findOrStart } from '../src/localNode.js'
import { place } from '../src/place.js'
import { fakeHost, FILES, KEY, ORIGIN, PLACE } from './fakes.js'

test('running node is found by its folder, and nothing is started', async () => {
  const { host, started, asked } = fakeHost(FILES, true)
  const node = await findOrStart(PLACE, host)
  expect(node).toEqual({ origin: ORIGIN, link: `${ORIGIN}/?token=secret#key=${KEY}`, process: undefined })
  expect(asked).toEqual([`${ORIGIN}/api/services/lightning/v1/info`])
  expect(started).toEqual([])
})

test('node is started where none runs, and where a dead one left its address', async () => {
  for (const files of [{}, FILES]) {
    const known: Record<string, string> = { ...files }
    const { host, started, state } = fakeHost(known, false)
    state.onPause = () => {
      Object.assign(known, FILES)
      state.answers = true
    }
    const node = await findOrStart(PLACE, host)
    expect(started).toEqual([['zarnitsa', 'node', '--stop-with-stdin', '--data-dir', '/data', '--network', 'regtest']])
    expect(node.origin).toBe(ORIGIN)
    expect(node.process).toBeDefined()
  }
})

test('node that ends at its start is an error that says why', async () => {
  const { host, process, state } = fakeHost({}, false)
  state.onPause = () => void (process.ended = 'holds no seed: make one with `zarnitsa init`')
  await expect(findOrStart(PLACE, host)).rejects.toThrow('make one with `zarnitsa init`')
})

test('node that never answers is stopped again', async () => {
  const { host, process } = fakeHost({}, false)
  await expect(findOrStart(PLACE, host)).rejects.toThrow('did not answer')
  expect(process.stopped).toBe(1)
})

test('address that is not this machine gets no token', async () => {
  for (const address of ['203.0.113.5:9780', 'example.org:9780', '127.0.0.1:9780@example.org', '0.0.0.0:9780']) {
    const { host, asked } = fakeHost({ ...FILES, '/data/regtest/http.address': address }, true)
    await expect(findOrStart(PLACE, host)).rejects.toThrow('not this machine alone')
    expect(asked).toEqual([])
  }
})

test('answer without a key is no node', async () => {
  const { host } = fakeHost(FILES, true)
  host.get = () => Promise.resolve({ validator_key: 'x' })
  host.start = () => ({ ended: 'port in use', stop: () => Promise.resolve() })
  await expect(findOrStart(PLACE, host)).rejects.toThrow('port in use')
})

test('variables name program, folder and network; a network that is none is refused', () => {
  const surroundings = { variables: {}, home: '/home/a', resources: undefined, isWindows: false }
  expect(place(surroundings)).toEqual({ program: 'zarnitsa', dataDir: '/home/a/.zarnitsa', network: 'regtest' })
  const variables = { ZARNITSA_DATA_DIR: '/d', ZARNITSA_NETWORK: 'signet', ZARNITSA_PROGRAM: '/p' }
  expect(place({ ...surroundings, variables })).toEqual({ program: '/p', dataDir: '/d', network: 'signet' })
  expect(place({ ...surroundings, resources: '/r' }).program).toBe('/r/zarnitsa')
  expect(place({ ...surroundings, resources: '/r', isWindows: true }).program).toBe('/r/zarnitsa.exe')
  expect(() => place({ ...surroundings, variables: { ZARNITSA_NETWORK: '../x' } })).toThrow('../x')
})

/** Writes its files and answers as a node does, until its standard input ends. */
const PROGRAM = `
const { createServer } = require('node:http')
const { mkdirSync, writeFileSync } = require('node:fs')
const folder = process.argv[process.argv.indexOf('--data-dir') + 1] + '/regtest'
const server = createServer((request, response) => {
  const isKnown = request.headers.authorization === 'Bearer secret'
  response.writeHead(isKnown ? 200 : 401).end(JSON.stringify({ validator_key: '${KEY}' }))
})
server.listen(0, '127.0.0.1', () => {
  mkdirSync(folder)
  writeFileSync(folder + '/full.token', 'secret')
  writeFileSync(folder + '/http.address', '127.0.0.1:' + server.address().port)
})
process.stdin.resume().on('end', () => {
  writeFileSync(folder + '/ended', 'gracefully')
  process.exit(0)
})
`

test('real program is started, found, and ended by its standard input', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'zarnitsa-desktop-'))
  try {
    const script = join(folder, 'program.cjs')
    await writeFile(script, PROGRAM)
    const host = { ...machine, start: (program: string, args: string[]) => machine.start(program, [script, ...args]) }
    const node = await findOrStart({ program: process.execPath, dataDir: folder, network: 'regtest' }, host)
    expect(node.link).toMatch(new RegExp(`^http://127.0.0.1:\\d+/\\?token=secret#key=${KEY}$`))
    await node.process?.stop()
    expect(node.process?.ended).toContain('ended with 0')
    expect(await readFile(join(folder, 'regtest/ended'), 'utf8')).toBe('gracefully')
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('program that is not there is an error, and so is a redirect of the token', async () => {
  const missing = { program: '/nowhere/zarnitsa', dataDir: '/nowhere', network: 'regtest' }
  await expect(findOrStart(missing, machine)).rejects.toThrow('ENOENT')

  const server = createServer((_request, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  await expect(machine.get(url, 'secret')).rejects.toThrow()
  server.close()
})
