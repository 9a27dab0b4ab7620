/** Requests to the node. */

import { NodeError } from './errors.js'

export interface TransportOptions {
  /** `http://127.0.0.1:9780`; in the node's own page, where it came from. */
  url: string
  /** The read or full token; a browser that came by the link has a cookie instead. */
  token?: string | undefined
  fetch?: typeof fetch | undefined
}

export class Transport {
  readonly #url: string
  readonly #headers: Record<string, string>
  readonly #fetch: typeof fetch

  constructor({ url, token, fetch: send = globalThis.fetch.bind(globalThis) }: TransportOptions) {
    this.#url = url.replace(/\/+$/, '')
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    this.#fetch = send
  }

  async get(path: string): Promise<unknown> {
    return this.#request(path, { headers: this.#headers })
  }

  async post(path: string, body: unknown): Promise<unknown> {
    const headers = { ...this.#headers, 'content-type': 'application/json' }
    return this.#request(path, { method: 'POST', headers, body: JSON.stringify(body) })
  }

  /** Asks for a file, which is no JSON. */
  async download(path: string): Promise<Blob> {
    const response = await this.#send(path, { method: 'POST', headers: this.#headers })
    return response.blob()
  }

  /** The address of a WebSocket. Browsers cannot add headers to one, so a token goes into the query. */
  socket(path: string): string {
    const url = new URL(this.#url + path)
    url.protocol = url.protocol.replace('http', 'ws')
    const token = this.#headers.authorization?.slice('Bearer '.length)
    if (token !== undefined) url.searchParams.set('token', token)
    return url.href
  }

  async #request(path: string, init: RequestInit): Promise<unknown> {
    const response = await this.#send(path, init)
    return response.json().catch(() => undefined)
  }

  async #send(path: string, init: RequestInit): Promise<Response> {
    const request = this.#fetch(this.#url + path, { ...init, credentials: 'same-origin', redirect: 'error' })
    const response = await request.catch((cause: unknown) => {
      throw new NodeError(0, 'unreachable', cause instanceof Error ? cause.message : String(cause))
    })
    if (response.ok) return response
    const body: unknown = await response.json().catch(() => undefined)
    const problem = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
    const detail = typeof problem.detail === 'string' ? problem.detail : response.statusText
    throw new NodeError(response.status, typeof problem.code === 'string' ? problem.code : 'unknown', detail)
  }
}
