import { readPayTarget } from '@zarnitsa/light-client/page'
import { useState } from 'react'

import { parseAmount } from '../format'
import { useNode, useOrder, usePlain } from '../node/context'
import { go } from '../router'
import { useText } from '../text'
import { useUnit } from '../unit'
import { Amount, Sat } from './Amount'
import { Command } from './Command'
import { Dialog } from './Dialog'
import { Callout } from './Empty'
import { FeeChoice, type FeeRate } from './FeeChoice'
import { Icon } from './Icon'

/** As many as the ledger takes in one order. */
const MOST = 100

interface Row {
  key: number
  node: string
  amount: string
}

/** Several channels by one transaction: a table of peers and amounts, and one fee. */
export function OpenBatch({ onClose }: { onClose: () => void }) {
  const { t } = useText()
  const { unit } = useUnit()
  const { api } = useNode()
  const order = useOrder()
  const wallet = usePlain(api.balance)
  const [rows, setRows] = useState<Row[]>([
    { key: 0, node: '', amount: '' },
    { key: 1, node: '', amount: '' },
  ])
  const [announce, setAnnounce] = useState(false)
  const [fee, setFee] = useState<FeeRate>()
  const sum = rows.reduce((total, { amount }) => total + (parseAmount(amount, unit) ?? 0n), 0n)
  const change = (key: number, part: Partial<Row>) => setRows(rows.map((row) => (row.key === key ? { ...row, ...part } : row)))
  const open = async () => {
    if (fee === 'invalid') throw new Error(t.feeWrong)
    const channels = rows.map((row, at) => read(row, at + 1))
    if (new Set(channels.map(({ peer }) => peer)).size < channels.length) throw new Error(t.peerTwice)
    await order('openBatch', { channels: channels.map((channel) => ({ ...channel, announce })), feeRateSatVb: fee })
    onClose()
    go('/channels/pending')
  }
  const read = ({ node, amount }: Row, number: number) => {
    const target = readPayTarget(node)
    if (target.kind !== 'node') throw new Error(`${number}. ${t.notANode}`)
    const msat = parseAmount(amount, unit)
    if (!msat || msat % 1_000n !== 0n) throw new Error(`${number}. ${t.amountWholeSat}`)
    return { peer: target.nodeId, address: target.address, amountSat: msat / 1_000n }
  }
  return (
    <Dialog title={t.openBatch} onClose={onClose}>
      <Command label={t.openAll(rows.length)} busy={t.opening_} act={open}>
        <p className="soft">{t.openBatchText}</p>
        <Rows rows={rows} onChange={change} onRemove={(key) => setRows(rows.filter((row) => row.key !== key))} />
        <div className="row spread">
          <button
            type="button"
            className="plain small"
            disabled={rows.length >= MOST}
            onClick={() => setRows([...rows, { key: Math.max(...rows.map(({ key }) => key)) + 1, node: '', amount: '' }])}
          >
            <Icon name="plus" /> {t.addRow}
          </button>
          <span>
            {t.sum}: <Amount msat={sum} />
          </span>
        </div>
        {wallet && (
          <p className="hint">
            {t.available}: <Sat sat={wallet.onchain_sat} />
          </p>
        )}
        <FeeChoice onChange={setFee} />
        <label className="check">
          <input type="checkbox" checked={announce} onChange={({ target }) => setAnnounce(target.checked)} />
          <span>{t.announceAll}</span>
        </label>
        {wallet && sum > BigInt(wallet.onchain_sat) * 1_000n && (
          <Callout tone="wait" icon="warning">
            {t.walletTooLittle}
          </Callout>
        )}
      </Command>
    </Dialog>
  )
}

interface RowsProps {
  rows: Row[]
  onChange: (key: number, part: Partial<Row>) => void
  onRemove: (key: number) => void
}

function Rows({ rows, onChange, onRemove }: RowsProps) {
  const { t } = useText()
  const { unitName } = useUnit()
  return (
    <ol className="batch">
      {rows.map(({ key, node, amount }, at) => (
        <li key={key}>
          <label>
            <span className={at > 0 ? 'visually-hidden' : undefined}>{t.peerAddress}</span>
            <input
              value={node}
              placeholder="02…@host:9735"
              autoComplete="off"
              spellCheck={false}
              aria-label={`${t.peerAddress} ${at + 1}`}
              onChange={({ target }) => onChange(key, { node: target.value })}
            />
          </label>
          <label>
            <span className={at > 0 ? 'visually-hidden' : undefined}>{`${t.amount}, ${unitName}`}</span>
            <input
              value={amount}
              inputMode="decimal"
              autoComplete="off"
              aria-label={`${t.amount} ${at + 1}, ${unitName}`}
              onChange={({ target }) => onChange(key, { amount: target.value })}
            />
          </label>
          <button type="button" className="icon" disabled={rows.length < 2} aria-label={t.removeRow(at + 1)} onClick={() => onRemove(key)}>
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ol>
  )
}
