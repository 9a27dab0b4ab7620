/** The machine that the shell runs on. */

import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'

import type { Host, NodeProcess } from './localNode.js'

/** How long a node gets to end by itself. */
const PATIENCE = 30_000
/** How much of what a failed node said is shown. */
const LAST_WORDS = 2_000

export const host: Host = {
  read: (path) => readFile(path, 'utf8').catch(() => undefined),

  async get(url, token) {
    const headers = { authorization: `Bearer ${token}` }
    const response = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(5_000) })
    if (!response.ok) throw new Error(`${url}: ${response.status}`)
    return response.json()
  },

  start(program, args): NodeProcess {
    // Its standard input closes when the shell ends, however it ends: the node ends gracefully then.
    const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'pipe'], windowsHide: true })
    let words = ''
    let ended: string | undefined
    const end = new Promise<void>((resolve) => {
      const finish = (how: string) => {
        ended ??= `${how}\n${words}`.trim()
        resolve()
      }
      child.once('error', (error) => finish(error.message))
      child.once('close', (code, signal) => finish(`${program} ended with ${code ?? signal}`))
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-LAST_WORDS)
    })
    // A node that is gone takes no more input: what was wanted.
    child.stdin.on('error', () => undefined)
    return {
      get ended() {
        return ended
      },
      async stop() {
        child.stdin.end()
        const force = setTimeout(() => child.kill('SIGKILL'), PATIENCE)
        await end
        clearTimeout(force)
      },
    }
  },

  pause: (milliseconds) => pause(milliseconds),
}
