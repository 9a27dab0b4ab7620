import type { Policy as Values } from '@zarnitsa/light-client'
import { useState } from 'react'

import { AskPolicy } from '../parts/AskPolicy'
import { Awaited } from '../parts/Awaited'
import { Command, Field } from '../parts/Command'
import { Callout } from '../parts/Empty'
import { ProofBadge } from '../parts/ProofBadge'
import { formatMsat, parseSat } from '../format'
import { useOrder, useProved } from '../node/context'
import { POLICY_FIELDS, type PolicyField } from '../story/policy'
import { useText } from '../text'

/** What the node charges and demands: all of it is in the ledger, and each change is an order. */
export function Policy() {
  const { t } = useText()
  const proof = useProved('policy')
  const policy = proof.answer?.value
  return (
    <>
      <div className="title">
        <h1 tabIndex={-1}>{t.policy}</h1>
        <ProofBadge proof={proof} />
      </div>
      <p className="soft">{t.policyText}</p>
      <Awaited proof={proof} />
      {proof.answer && policy && <Form key={stamp(policy)} policy={policy} />}
      {policy?.asks && <AskPolicy key={stamp(policy.asks)} asks={policy.asks} />}
    </>
  )
}

/** A form is filled anew when the policy has changed, and not because the ledger has grown. */
function stamp(values: object): string {
  return JSON.stringify(values, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))
}

function Form({ policy }: { policy: Values }) {
  const { t } = useText()
  const order = useOrder()
  const [texts, setTexts] = useState<Record<string, string>>({})
  const [accept, setAccept] = useState(policy.acceptFrom)
  const [zeroConf, setZeroConf] = useState(policy.acceptZeroConf)
  const [forward, setForward] = useState(policy.forward)
  const [keysend, setKeysend] = useState(policy.acceptKeysend)
  const shown = (field: PolicyField) => texts[field.name] ?? write(field, policy)
  const change = () => {
    const changed: Record<string, unknown> = {}
    for (const { fields } of POLICY_FIELDS) {
      for (const field of fields) {
        if (texts[field.name] === undefined) continue
        const value = read(field, texts[field.name]!)
        if (value === undefined) throw new Error(`${t.policyFields[field.name]}: ${t.numberWrong}`)
        changed[field.name] = value
      }
    }
    return { ...changed, acceptFrom: accept, acceptZeroConf: zeroConf, forward, acceptKeysend: keysend }
  }
  const isTurned =
    accept !== policy.acceptFrom ||
    zeroConf !== policy.acceptZeroConf ||
    forward !== policy.forward ||
    keysend !== policy.acceptKeysend
  const isChanged = Object.keys(texts).length > 0 || isTurned
  return (
    <Command label={t.savePolicy} busy={t.working} disabled={!isChanged} act={async () => order('setPolicy', change())}>
      {POLICY_FIELDS.map(({ group, fields }) => (
        <section key={group} className="card">
          <header>
            <h2>{t.policyGroups[group]}</h2>
          </header>
          {group === 'forwarding' && (
            <div className="stack tight" style={{ marginBottom: '1rem' }}>
              <label className="check">
                <input type="checkbox" checked={forward} onChange={({ target }) => setForward(target.checked)} />
                <span>{t.doForward}</span>
              </label>
              <label className="check">
                <input type="checkbox" checked={keysend} onChange={({ target }) => setKeysend(target.checked)} />
                <span>{t.acceptKeysend}</span>
              </label>
            </div>
          )}
          {group === 'accept' && (
            <div className="stack" style={{ marginBottom: '1rem' }}>
              <label style={{ maxWidth: '22rem' }}>
                <span>{t.acceptFrom}</span>
                <select value={accept} onChange={({ target }) => setAccept(Number(target.value))}>
                  <option value={1}>{t.acceptAnyone}</option>
                  <option value={2}>{t.acceptListed}</option>
                  <option value={3}>{t.acceptNobody}</option>
                </select>
              </label>
              <label className="check">
                <input type="checkbox" checked={zeroConf} onChange={({ target }) => setZeroConf(target.checked)} />
                <span>{t.acceptZeroConf}</span>
              </label>
              {zeroConf && (
                <Callout tone="wait" icon="warning">
                  {t.zeroConfText}
                </Callout>
              )}
            </div>
          )}
          <div className="pair aligned">
            {fields.map((field) => (
              <Field
                key={field.name}
                label={[t.policyFields[field.name], t.units[field.unit]].filter(Boolean).join(', ')}
                value={shown(field)}
                inputMode="decimal"
                onChange={(text) => setTexts((known) => ({ ...known, [field.name]: text }))}
              />
            ))}
          </div>
        </section>
      ))}
    </Command>
  )
}

function write({ name, unit }: PolicyField, policy: Values): string {
  const value = policy[name]
  if (unit === 'msat') return formatMsat(BigInt(value), 'en').replaceAll(',', '')
  if (unit === 'perKw') return String(Number(value) / 250)
  return String(value)
}

/** Undefined where the text is no value of this field. */
function read({ unit, big }: PolicyField, text: string): bigint | number | undefined {
  if (unit === 'msat') return parseSat(text)
  if (unit === 'perKw') {
    const rate = Number(text.trim().replace(',', '.'))
    return text.trim() !== '' && rate >= 0 && rate <= 1_000_000 ? Math.round(rate * 250) : undefined
  }
  const whole = /^\d{1,15}$/.test(text.trim()) ? BigInt(text.trim()) : undefined
  if (whole === undefined || (!big && whole > 0xffff_ffffn)) return undefined
  return big ? whole : Number(whole)
}
