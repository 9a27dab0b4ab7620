import type { Policy } from '@zarnitsa/light-client'
import { useState } from 'react'

import { useOrder } from '../node/context'
import { useText } from '../text'
import { Command, Field } from './Command'

type Asks = NonNullable<Policy['asks']>

const FIELDS = [
  ['minSat', 'sat'],
  ['maxSat', 'sat'],
  ['maxOpen', 'count'],
  ['maxBatch', 'count'],
  ['waitSeconds', 'seconds'],
  ['expirySeconds', 'seconds'],
] as const

/** Which channels peers may ask this node to open to them. */
export function AskPolicy({ asks }: { asks: Asks }) {
  const { t } = useText()
  const order = useOrder()
  const [from, setFrom] = useState<number>(asks.from)
  const [approve, setApprove] = useState(asks.approve)
  const [texts, setTexts] = useState<Record<string, string>>({})
  const save = () => {
    const changed: Record<string, bigint | number> = {}
    for (const [name, unit] of FIELDS) {
      const text = texts[name]?.trim()
      if (text === undefined) continue
      const isWhole = /^\d{1,15}$/.test(text) && (unit === 'sat' || Number(text) <= 0xffff_ffff)
      if (!isWhole) throw new Error(`${t.askFields[name]}: ${t.numberWrong}`)
      changed[name] = unit === 'sat' ? BigInt(text) : Number(text)
    }
    return order('setPolicy', { asks: { ...asks, ...changed, from, approve } })
  }
  const isChanged = Object.keys(texts).length > 0 || from !== asks.from || approve !== asks.approve
  const units = { sat: t.sat, count: '', seconds: t.seconds }
  return (
    <section className="card">
      <header>
        <h2>{t.askPolicy}</h2>
      </header>
      <Command label={t.askSave} busy={t.working} disabled={!isChanged} act={async () => save()}>
        <p className="soft">{t.askPolicyText}</p>
        <label style={{ maxWidth: '22rem' }}>
          <span>{t.askFrom}</span>
          <select value={from} onChange={({ target }) => setFrom(Number(target.value))}>
            <option value={1}>{t.askAnyone}</option>
            <option value={2}>{t.askListed}</option>
            <option value={3}>{t.askNobody}</option>
          </select>
        </label>
        <label className="check">
          <input type="checkbox" checked={approve} onChange={({ target }) => setApprove(target.checked)} />
          <span>{t.askApprove}</span>
        </label>
        <div className="pair aligned">
          {FIELDS.map(([name, unit]) => (
            <Field
              key={name}
              label={[t.askFields[name], units[unit]].filter(Boolean).join(', ')}
              value={texts[name] ?? String(asks[name])}
              inputMode="numeric"
              onChange={(text) => setTexts((known) => ({ ...known, [name]: text }))}
            />
          ))}
        </div>
      </Command>
    </section>
  )
}
