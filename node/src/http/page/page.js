// The stand-in page: reads the node's API with the cookie that the link set, and follows its events.
'use strict'

const base = '/api/services/lightning/v1/'
const EVENTS_SHOWN = 50

async function get(path) {
  const response = await fetch(base + path)
  const value = await response.json()
  if (!response.ok) throw new Error(value.detail)
  return value
}

function element(name, text) {
  const made = document.createElement(name)
  made.textContent = text
  return made
}

function showList(id, values) {
  const rows = Object.entries(values).flatMap(([name, value]) => [
    element('dt', name.replaceAll('_', ' ')),
    element('dd', String(value)),
  ])
  document.getElementById(id).replaceChildren(...rows)
}

function showChannels(channels) {
  const columns = ['channel_id', 'peer', 'state', 'capacity_sat', 'local_msat', 'remote_msat']
  const rows = channels.map((channel) => {
    const row = document.createElement('tr')
    row.append(...columns.map((column) => element('td', String(channel[column]))))
    return row
  })
  document.getElementById('channels').replaceChildren(...rows)
}

function trouble(message) {
  const place = document.getElementById('trouble')
  place.textContent = message
  place.hidden = message === ''
}

async function refresh() {
  try {
    showList('info', await get('info'))
    showList('balance', await get('balance'))
    showChannels(await get('channels'))
    trouble('')
  } catch (error) {
    trouble(`The node does not answer: ${error.message}`)
  }
}

let last = 0
let due = null

function follow() {
  const socket = new WebSocket(`${location.protocol.replace('http', 'ws')}//${location.host}${base}events?after=${last}`)
  socket.onmessage = (message) => {
    const event = JSON.parse(message.data)
    last = event.number
    const list = document.getElementById('events')
    list.prepend(element('li', `${event.number} ${event.kind} ${event.channel_id ?? event.payment_hash ?? ''}`))
    while (list.children.length > EVENTS_SHOWN) list.lastChild.remove()
    clearTimeout(due)
    due = setTimeout(refresh, 200)
  }
  socket.onclose = () => setTimeout(follow, 2000)
}

refresh()
follow()
