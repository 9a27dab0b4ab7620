/** Electron's entry: everything else takes what it needs as arguments. */

import { createRequire } from 'node:module'
import { homedir } from 'node:os'

import type { Electron } from './electron.js'
import { host } from './host.js'
import { place } from './place.js'
import { run } from './shell.js'

type Packed = Electron & { app: { isPackaged: boolean } }

// Electron answers to this name only inside of itself.
const electron = createRequire(import.meta.url)('electron') as Packed
const resources = electron.app.isPackaged ? (process as { resourcesPath?: string }).resourcesPath : undefined
const surroundings = { variables: process.env, home: homedir(), resources, isWindows: process.platform === 'win32' }

// Not awaited here: Electron becomes ready only when this file has been run to its end.
void run(electron, host, place(surroundings))
