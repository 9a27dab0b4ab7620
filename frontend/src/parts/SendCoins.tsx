import type { PayTarget } from '@zarnitsa/light-client'
import { useState } from 'react'

import { formatBtc, formatMsat, parseAmount, strangersText } from '../format'
import { useNode, usePlain } from '../node/context'
import { useText } from '../text'
import { useUnit } from '../unit'
import { Sat } from './Amount'
import { Command, Field } from './Command'
import { CopyText } from './CopyText'
import { Callout } from './Empty'
import { FeeChoice, type FeeRate } from './FeeChoice'
import { NodesWord } from './ProofBadge'

/** Sends coins of the wallet to an address. It is no transaction of the ledger: the session's token commands it. */
export function SendCoins({ target }: { target: PayTarget & { kind: 'address' } }) {
  const { t } = useText()
  const { unit, unitName } = useUnit()
  const { api, info, mayCommand, refresh, signer } = useNode()
  const wallet = usePlain(api.balance)
  const asked = target.amountSat === undefined ? '' : amountText(target.amountSat * 1_000n, unit)
  const [amount, setAmount] = useState(asked)
  const [all, setAll] = useState(false)
  const [fee, setFee] = useState<FeeRate>()
  const [spendReserve, setSpendReserve] = useState(false)
  const [sent, setSent] = useState<string>()
  const otherNetwork = target.network !== undefined && !fits(target.network, info.network)
  const send = async () => {
    const msat = all ? undefined : parseAmount(amount, unit)
    if (!all && (!msat || msat % 1_000n !== 0n)) throw new Error(t.amountWholeSat)
    if (fee === 'invalid') throw new Error(t.feeWrong)
    // The same key that orders everything else: whoever finds the page open spends nothing.
    await signer.ready()
    const { txid } = await api.send(target.address, msat === undefined ? undefined : msat / 1_000n, fee, spendReserve)
    setSent(txid)
    refresh()
  }
  if (sent) {
    return (
      <Callout tone="good" icon="check">
        <p role="status">{t.coinsSent}</p>
        <CopyText text={sent} />
      </Callout>
    )
  }
  return (
    <Command label={t.sendCoins} busy={t.working} disabled={!mayCommand || otherNetwork} act={send}>
      <dl className="facts">
        <dt>{t.address}</dt>
        <dd>
          <CopyText text={target.address} whole />
        </dd>
        {target.label && (
          <>
            <dt>{t.description}</dt>
            <dd>{strangersText(target.label)}</dd>
          </>
        )}
      </dl>
      <Field
        label={`${t.amount}, ${unitName}`}
        value={all ? t.allOfIt : amount}
        inputMode="decimal"
        onChange={(text) => {
          setAll(false)
          setAmount(text)
        }}
        note={
          wallet && (
            <>
              {t.available}: <Sat sat={wallet.onchain_sat} /> <NodesWord />{' '}
              <button type="button" className="link" onClick={() => setAll(true)}>
                {t.takeAll}
              </button>
            </>
          )
        }
      />
      {wallet && wallet.onchain_reserve_sat > 0 && (
        <Reserve sat={wallet.onchain_reserve_sat} spend={spendReserve} onChange={setSpendReserve} />
      )}
      <FeeChoice onChange={setFee} />
      {otherNetwork && (
        <Callout tone="bad" icon="warning">
          {t.otherNetworkAddress}
        </Callout>
      )}
      {!mayCommand && (
        <Callout tone="wait" icon="lock">
          {t.readOnlyText}
        </Callout>
      )}
    </Command>
  )
}

/** What stays on chain to pay for closing channels, unless it is to go too. */
function Reserve({ sat, spend, onChange }: { sat: number; spend: boolean; onChange(spend: boolean): void }) {
  const { t } = useText()
  return (
    <div className="stack tight">
      <p className="soft">
        {t.reserveKept}: <Sat sat={sat} /> <NodesWord />
      </p>
      <label className="check">
        <input type="checkbox" checked={spend} onChange={({ target }) => onChange(target.checked)} />
        <span>{t.reserveSpend}</span>
      </label>
      {spend && (
        <Callout tone="wait" icon="warning">
          {t.reserveSpendText}
        </Callout>
      )}
    </div>
  )
}

function amountText(msat: bigint, unit: 'sat' | 'btc'): string {
  const text = unit === 'sat' ? formatMsat(msat, 'en') : formatBtc(msat, 'en')
  return text.replaceAll(',', '')
}

/** `tb1…` is of signet and of both testnets. */
function fits(address: string, network: string): boolean {
  return address === 'signet' ? network === 'signet' || network.startsWith('testnet') : address === network
}
