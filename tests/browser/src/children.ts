/** Processes of the world. Each ends when its standard input does, so that none outlives this one, however it ends. */

import { spawn, type ChildProcess } from 'node:child_process'
import { openSync, closeSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'

const PATIENCE = 30_000
const LOG_LINES = 20

export class Child {
  readonly #process: ChildProcess
  readonly #ended: Promise<void>

  constructor(
    readonly name: string,
    program: string,
    args: string[],
    readonly log: string,
  ) {
    const stderr = openSync(log, 'w')
    // A group of its own: Ctrl-C is for this process, which ends the others in their order.
    this.#process = spawn(program, args, { stdio: ['pipe', 'ignore', stderr], env: environment(), detached: true })
    closeSync(stderr)
    this.#ended = new Promise((resolve) => {
      this.#process.once('exit', () => resolve())
      this.#process.once('error', () => resolve())
    })
  }

  /** Throws if it has ended. */
  check(): void {
    const { exitCode, signalCode, pid } = this.#process
    if (pid !== undefined && exitCode === null && signalCode === null) return
    throw new Error(`${this.name} ended with ${exitCode ?? signalCode}:\n${this.lastWords()}`)
  }

  lastWords(): string {
    return readFileSync(this.log, 'utf8').trimEnd().split('\n').slice(-LOG_LINES).join('\n')
  }

  /** Ends it: by asking, and if that does not help, by force. */
  async end(): Promise<void> {
    this.#process.stdin?.end()
    this.#process.kill('SIGTERM')
    const force = setTimeout(() => this.#process.kill('SIGKILL'), PATIENCE)
    await this.#ended
    clearTimeout(force)
  }
}

/** Settings of this process are not those of its children; the mark of a test run is. */
function environment(): NodeJS.ProcessEnv {
  const foreign = (name: string) => name.startsWith('ZARNITSA_') && !name.startsWith('ZARNITSA_TEST_')
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign(name)))
}

/** Ports that nobody uses now, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = []
  for (let n = 0; n < count; n++) {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    servers.push(server)
  }
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
