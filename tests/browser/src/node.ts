/** A node of the world, as its operator's programs see it: the other way to the same facts that the UI shows. */

/** Where a node answers: enough to use it from another process. */
export interface NodeAddress {
  name: string
  url: string
  token: string
  readToken: string
  validatorKey: string
  uri: string
  dataDir: string
}

export interface Channel {
  channel_id: string
  state: string
  capacity_sat: number
  local_msat: string
  remote_msat: string
  opening_txid: string
  closing_txid: string | null
}

export class Node {
  constructor(readonly address: NodeAddress) {}

  /** What the node prints for its operator: the token that lets in, and the key that everything is checked by. */
  get link(): string {
    return this.linkAt(this.address.url)
  }

  /** The same by way of something else that answers for the node. */
  linkAt(url: string): string {
    return `${url}/?token=${this.address.token}#key=${this.address.validatorKey}`
  }

  get nodeId(): string {
    return this.address.uri.split('@')[0] ?? ''
  }

  async request<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.address.url}/api/services/lightning/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${this.address.token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${this.address.name}: ${method} ${path}: ${response.status} ${text}`)
    return JSON.parse(text) as T
  }

  get = <T>(path: string) => this.request<T>('GET', path)
  post = <T>(path: string, body: unknown = {}) => this.request<T>('POST', path, body)

  channels = () => this.get<Channel[]>('channels')
  channel = (id: string) => this.get<Channel>(`channels/${id}`)
  ledgerHeight = async () => (await this.get<{ ledger_height: number }>('info')).ledger_height
}
