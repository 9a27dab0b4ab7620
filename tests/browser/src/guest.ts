/** A node of one test's own, which it may stop, rob of its files and start again. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { Child, freePorts } from './children.js'
import { Node } from './node.js'
import { program, startNode, type World } from './world.js'

export class Guest {
  readonly dataDir: string
  #children: Child[] = []
  #node: Node | undefined

  private constructor(
    readonly world: World,
    readonly name: string,
    readonly folder: string,
    readonly ports: number[],
  ) {
    this.dataDir = join(folder, name)
  }

  /** Lends a node to a test, and takes it away when the test is over. */
  static async lend(world: World, name: string, use: (guest: Guest) => Promise<void>): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'zarnitsa-guest-'))
    const guest = new Guest(world, name, folder, await freePorts(3))
    try {
      await use(guest)
    } finally {
      for (const child of guest.#children.reverse()) await child.end()
      await rm(folder, { recursive: true, force: true })
    }
  }

  get node(): Node {
    if (!this.#node) throw new Error(`${this.name} is not started`)
    return this.#node
  }

  async start(): Promise<Node> {
    const [http = 0, lightning = 0] = this.ports
    const { name, dataDir, world } = this
    const { child, ready } = startNode({ zarnitsa: program(), name, dataDir, http, lightning, chain: world.chain.address })
    this.#children.push(child)
    this.#node = new Node(await ready())
    return this.#node
  }

  /** Ends the node; what else runs for the test runs on. */
  async stop(): Promise<void> {
    await this.#children.pop()?.end()
  }

  /** Another process that the test needs: it ends with the guest. */
  run(name: string, args: string[]): Child {
    const child = new Child(name, program(), args, join(this.folder, `${name}.log`))
    this.#children.push(child)
    return child
  }
}
