import { useState } from 'react'

import type { FeeRates } from '../node/api'
import { useNode, usePlain } from '../node/context'
import { useText } from '../text'
import { Choice } from './Choice'
import { Field } from './Command'
import { NodesWord } from './ProofBadge'

type Speed = 'auto' | 'slow' | 'normal' | 'fast' | 'own'

/** A fee rate in satoshis for a virtual byte; undefined leaves it to the node, `invalid` must not be sent. */
export type FeeRate = number | undefined | 'invalid'

/** Above this an own rate is more likely a slip than a wish. */
const TOO_HIGH = 1_000

/** How soon a transaction is wanted, or what it may cost. */
export function FeeChoice({ onChange }: { onChange: (rate: FeeRate) => void }) {
  const { t } = useText()
  const { api } = useNode()
  const fees = usePlain(api.fees)
  const [speed, setSpeed] = useState<Speed>('auto')
  const [own, setOwn] = useState('')
  const choose = (next: Speed) => {
    setSpeed(next)
    onChange(rateOf(next, own, fees))
  }
  const rate = rateOf(speed, own, fees)
  return (
    <div className="stack tight">
      <Choice
        label={t.feeRate}
        value={speed}
        onChange={choose}
        options={[
          ['auto', t.feeAuto],
          ['slow', t.feeSlow],
          ['normal', t.feeNormal],
          ['fast', t.feeFast],
          ['own', t.feeOwn],
        ]}
      />
      {speed === 'own' && (
        <Field
          label={t.satPerVb}
          value={own}
          inputMode="numeric"
          onChange={(text) => {
            setOwn(text)
            onChange(rateOf('own', text, fees))
          }}
        />
      )}
      <p className="hint">
        {rate === 'invalid' ? t.feeWrong : speed === 'auto' ? t.feeAutoHint : rate !== undefined && `${rate} ${t.satPerVb}`}
        {speed === 'auto' && fees && ` ${t.feeNow} ${fees.normal_sat_vb} ${t.satPerVb}.`} {fees && speed !== 'own' && <NodesWord />}
      </p>
    </div>
  )
}

function rateOf(speed: Speed, own: string, fees: FeeRates | undefined): FeeRate {
  switch (speed) {
    case 'auto':
      return undefined
    case 'slow':
      return fees?.slow_sat_vb ?? 'invalid'
    case 'normal':
      return fees?.normal_sat_vb ?? 'invalid'
    case 'fast':
      return fees?.fast_sat_vb ?? 'invalid'
    case 'own': {
      const rate = /^\d{1,4}$/.test(own.trim()) ? Number(own) : 0
      return rate >= (fees?.minimum_sat_vb ?? 1) && rate <= TOO_HIGH ? rate : 'invalid'
    }
  }
}
