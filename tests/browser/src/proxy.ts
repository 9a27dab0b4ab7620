/** Something between the browser and the node that passes everything on, and changes what it is told to change. */

import { createServer, request as send, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'

import type { NodeAddress } from './node.js'

/** In place of an answer: the node does not know what it is asked for. */
export const NOT_FOUND = Symbol('not found')

/** Changes an answer's JSON; undefined leaves it as it is. */
export type Change = (path: string, json: unknown) => unknown

const JSON_TYPE = { 'content-type': 'application/problem+json' }

export class Proxy {
  /** How many answers were changed: a test of tampering that tampered with nothing shows nothing. */
  changed = 0
  change: Change | undefined
  /** Lets no event through. */
  isDeaf = false
  #target: URL
  #token: string | undefined
  readonly #server: Server
  readonly #sockets = new Set<Duplex>()

  private constructor(target: string) {
    this.#target = new URL(target)
    this.#server = createServer((request, response) => this.#pass(request, response))
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    this.#server.on('connection', (socket) => this.#remember(socket))
  }

  static async start(target: string): Promise<Proxy> {
    const proxy = new Proxy(target)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** From now on another node answers, to which the proxy shows that node's own token. */
  turnTo({ url, token }: NodeAddress): void {
    this.#target = new URL(url)
    this.#token = token
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #pass(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '/'
    const headers = this.#headers(request)
    const { hostname, port } = this.#target
    const onward = send({ hostname, port, path, method: request.method, headers }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () => {
        const body = this.#changedBody(path, answer, Buffer.concat(chunks))
        if (body === NOT_FOUND) return void response.writeHead(404, JSON_TYPE).end('{"code":"not_found"}')
        const { 'transfer-encoding': _, ...kept } = answer.headers
        response.writeHead(answer.statusCode ?? 502, { ...kept, 'content-length': body.length }).end(body)
      })
    })
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  }

  #changedBody(path: string, answer: IncomingMessage, body: Buffer): Buffer | typeof NOT_FOUND {
    // What the node refuses is a problem's JSON: that may be changed too.
    if (!this.change || !/^application\/(problem\+)?json/.test(answer.headers['content-type'] ?? '')) return body
    const json: unknown = this.change(path, JSON.parse(body.toString()))
    if (json === undefined) return body
    this.changed += 1
    if (json === NOT_FOUND) return NOT_FOUND
    answer.statusCode = 200
    answer.headers['content-type'] = 'application/json'
    return Buffer.from(JSON.stringify(json))
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.isDeaf) return void socket.destroy()
    const onward = connect(Number(this.#target.port), this.#target.hostname)
    this.#remember(onward)
    const headers = Object.entries(this.#headers(request)).map(([name, value]) => `${name}: ${String(value)}\r\n`)
    onward.write(`GET ${request.url} HTTP/1.1\r\n${headers.join('')}\r\n`)
    onward.write(head)
    onward.pipe(socket).pipe(onward)
    onward.on('error', () => socket.destroy())
    socket.on('error', () => onward.destroy())
  }

  /** The node answers only to its own name and pages. */
  #headers(request: IncomingMessage) {
    const { host: _, 'accept-encoding': __, origin, ...headers } = request.headers
    return {
      ...headers,
      host: this.#target.host,
      ...(origin === undefined ? {} : { origin: this.#target.origin }),
      ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
    }
  }

  #remember(socket: Duplex | Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
  }
}
