import { useMemo, useState } from 'react'

import { ActivityList } from '../parts/ActivityList'
import { Awaited } from '../parts/Awaited'
import { Choice } from '../parts/Choice'
import { Empty } from '../parts/Empty'
import { Icon } from '../parts/Icon'
import { lesser, ProofBadge } from '../parts/ProofBadge'
import { isOver } from '../parts/states'
import { Trouble } from '../parts/Trouble'
import { useNode, useProved } from '../node/context'
import { blockTimes, wholeHistories } from '../node/whole'
import { activity, type Activity } from '../story/activity'
import { moves, movesCsv } from '../story/balance'
import { csvTable, saveFile } from '../story/csv'
import { useText } from '../text'

type Kind = 'all' | 'sent' | 'received' | 'failed'

const PAGE = 50

export function Payments() {
  const { t } = useText()
  const payments = useProved('payments')
  const invoices = useProved('invoices')
  const [kind, setKind] = useState<Kind>('all')
  const [search, setSearch] = useState('')
  const [shown, setShown] = useState(PAGE)
  const all = useMemo(() => {
    const [sent, received] = [payments.answer?.value.items, invoices.answer?.value.items]
    return sent && received && activity(sent, received, Date.now())
  }, [payments.answer, invoices.answer])
  const list = useMemo(() => all?.filter((item) => fits(item, kind, search.trim().toLowerCase())), [all, kind, search])
  const isCut = payments.answer?.value.complete === false || invoices.answer?.value.complete === false
  return (
    <>
      <div className="title">
        <h1 tabIndex={-1}>{t.payments}</h1>
        <ProofBadge proof={lesser(payments, invoices)} />
        <span className="grow" />
        <Export items={list ?? []} />
      </div>
      <div className="row spread">
        <Choice
          label={t.show}
          hideLabel
          value={kind}
          onChange={setKind}
          options={[
            ['all', t.showAll],
            ['sent', t.showSent],
            ['received', t.showReceived],
            ['failed', t.showFailed],
          ]}
        />
        <label style={{ flex: '1 1 14rem', maxWidth: '24rem' }}>
          <span className="visually-hidden">{t.filterPayments}</span>
          <input type="search" value={search} placeholder={t.filterPayments} onChange={({ target }) => setSearch(target.value)} />
        </label>
      </div>
      <Awaited proof={lesser(payments, invoices)} />
      {isCut && <p className="soft">{t.newestOnly}</p>}
      {list?.length === 0 && <Empty icon="list" text={all?.length === 0 ? t.noPayments : t.nothingFound} />}
      {list && list.length > 0 && (
        <section className="card flush" aria-label={t.payments}>
          <ActivityList items={list.slice(0, shown)} />
        </section>
      )}
      {list && list.length > shown && (
        <div className="buttons">
          <button type="button" className="plain" onClick={() => setShown(shown + PAGE)}>
            {t.showMore}
          </button>
        </div>
      )}
    </>
  )
}

function fits(item: Activity, kind: Kind, search: string): boolean {
  const isKind = kind === 'all' || (kind === 'failed' ? item.status === 'failed' : item.kind === kind)
  return isKind && (item.paymentHash.includes(search) || item.description.toLowerCase().includes(search))
}

/** The list as a file, and the balance's every move as another: that one adds up to the thousandth of a satoshi. */
function Export({ items }: { items: Activity[] }) {
  const { t } = useText()
  const { prover } = useNode()
  const channels = useProved('channels').answer?.value
  const [isBusy, setBusy] = useState(false)
  const [trouble, setTrouble] = useState<unknown>()
  const run = (make: () => Promise<void>) => {
    setBusy(true)
    setTrouble(undefined)
    make()
      .catch(setTrouble)
      .finally(() => setBusy(false))
  }
  const list = async () => {
    const times = await blockTimes(prover, items.map(({ height }) => height))
    const head = ['time', 'direction', 'status', 'amount_msat', 'fee_msat', 'description', 'payment_hash', 'preimage', 'ledger_block']
    const rows = items.map((item) => [
      times.get(item.height)?.toISOString() ?? '',
      item.kind,
      item.status,
      item.amountMsat,
      item.feeMsat,
      item.description,
      item.paymentHash,
      item.preimage ?? '',
      item.height,
    ])
    saveFile('zarnitsa-payments.csv', 'text/csv', csvTable(head, rows))
  }
  const balance = async () => {
    const found = moves(await wholeHistories(prover, channels ?? []), isOver)
    const times = await blockTimes(prover, found.map(({ height }) => height))
    saveFile('zarnitsa-balance.csv', 'text/csv', movesCsv(found, (height) => times.get(height)))
  }
  return (
    <span className="row">
      <button type="button" className="plain small" disabled={isBusy || items.length === 0} onClick={() => run(list)}>
        <Icon name="download" /> {t.csvPayments}
      </button>
      <button type="button" className="plain small" disabled={isBusy || !channels?.length} title={t.csvBalanceText} onClick={() => run(balance)}>
        <Icon name="download" /> {t.csvBalance}
      </button>
      {trouble !== undefined && <Trouble error={trouble} />}
    </span>
  )
}
