import { afterEach, expect, test, vi } from 'vitest'

import { follow, Transport, type LedgerEvent } from '../src/index.js'

class Socket extends EventTarget {
  static opened: Socket[] = []
  constructor(readonly url: string) {
    super()
    Socket.opened.push(this)
  }
  say(number: number) {
    const data = JSON.stringify({ number, kind: 'commitment', ledger_height: number, channel_id: null })
    this.dispatchEvent(new MessageEvent('message', { data }))
  }
  close() {
    this.dispatchEvent(new Event('close'))
  }
}

function start(after = 0) {
  vi.useFakeTimers()
  Socket.opened = []
  const events: LedgerEvent[] = []
  const stream = follow(new Transport({ url: 'http://node', token: 'secret' }), {
    after,
    onEvent: (event) => events.push(event),
    WebSocket: Socket as unknown as typeof WebSocket,
    retry: 100,
  })
  return { events, stream }
}

afterEach(() => void vi.useRealTimers())

test('connection that breaks goes on after the last event', () => {
  const { events, stream } = start(4)
  Socket.opened[0]!.say(5)
  Socket.opened[0]!.say(6)
  Socket.opened[0]!.close()
  vi.advanceTimersByTime(100)
  expect(Socket.opened).toHaveLength(2)
  expect(Socket.opened[1]!.url).toBe('ws://node/api/services/lightning/v1/events?after=6&token=secret')
  Socket.opened[1]!.say(7)
  expect(events.map(({ number }) => number)).toEqual([5, 6, 7])
  expect(stream.last).toBe(7)
})

test('gap or repetition is not given out: the stream starts again from what is known', () => {
  const { events } = start()
  Socket.opened[0]!.say(1)
  Socket.opened[0]!.say(3)
  Socket.opened[0]!.say(4)
  vi.advanceTimersByTime(100)
  Socket.opened[1]!.say(2)
  expect(events.map(({ number }) => number)).toEqual([1, 2])
})

test('closed stream stays closed', () => {
  const { stream } = start()
  stream.close()
  vi.advanceTimersByTime(60_000)
  expect(Socket.opened).toHaveLength(1)
})
