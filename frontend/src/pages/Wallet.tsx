import { readPayTarget } from '@zarnitsa/light-client/page'
import { QRCodeSVG } from 'qrcode.react'
import { useState } from 'react'

import { Sat } from '../parts/Amount'
import { Command, Field } from '../parts/Command'
import { CopyText } from '../parts/CopyText'
import { Dialog } from '../parts/Dialog'
import { Callout, Empty } from '../parts/Empty'
import { Icon } from '../parts/Icon'
import { NodesWord } from '../parts/ProofBadge'
import { SendCoins } from '../parts/SendCoins'
import { NoAnswer } from '../parts/Trouble'
import type { Utxo, WalletTransaction } from '../node/api'
import { useFetched, useNode } from '../node/context'
import { useText } from '../text'

/** The coins on Bitcoin's chain. */
export function Wallet() {
  const { t } = useText()
  const { api } = useNode()
  const { answer: wallet, error } = useFetched(api.wallet, 10_000)
  const [dialog, setDialog] = useState<'receive' | 'send'>()
  return (
    <>
      <div className="title">
        <h1 tabIndex={-1}>{t.wallet}</h1>
        <NodesWord />
        <span className="grow" />
        <div className="actions">
          <button type="button" className="plain" onClick={() => setDialog('receive')}>
            <Icon name="receive" /> {t.receiveCoins}
          </button>
          <button type="button" onClick={() => setDialog('send')}>
            <Icon name="pay" /> {t.sendCoins}
          </button>
        </div>
      </div>
      {!wallet && (error === undefined ? <p className="soft">{t.loading}</p> : <NoAnswer error={error} />)}
      {wallet && (
        <>
          <section className="card stack tight">
            <small>{t.spendable}</small>
            <span className="big">
              <Sat sat={wallet.onchain_sat} />
            </span>
            {wallet.onchain_unconfirmed_sat > 0 && (
              <span className="soft">
                {t.unconfirmed}: <Sat sat={wallet.onchain_unconfirmed_sat} />
              </span>
            )}
          </section>
          <Transactions list={wallet.transactions} />
          <Coins list={wallet.utxos} />
        </>
      )}
      {dialog === 'receive' && (
        <Dialog title={t.receiveCoins} onClose={() => setDialog(undefined)}>
          <NewAddress />
        </Dialog>
      )}
      {dialog === 'send' && (
        <Dialog title={t.sendCoins} onClose={() => setDialog(undefined)}>
          <Send />
        </Dialog>
      )}
    </>
  )
}

function NewAddress() {
  const { t } = useText()
  const { api, mayCommand } = useNode()
  const [address, setAddress] = useState<string>()
  if (address) {
    return (
      <div className="stack" style={{ justifyItems: 'center' }}>
        <figure className="qr">
          <QRCodeSVG value={`BITCOIN:${address.toUpperCase()}`} size={240} title={t.address} />
        </figure>
        <CopyText text={address} whole />
        <p className="soft">{t.addressOnce}</p>
      </div>
    )
  }
  const make = async () => setAddress((await api.newAddress()).address)
  return (
    <Command label={t.newAddress} busy={t.working} disabled={!mayCommand} act={make}>
      <p>{t.newAddressText}</p>
      {!mayCommand && (
        <Callout tone="wait" icon="lock">
          {t.readOnlyText}
        </Callout>
      )}
    </Command>
  )
}

function Send() {
  const { t } = useText()
  const [text, setText] = useState('')
  const target = readPayTarget(text)
  return (
    <>
      <Field label={t.address} hint="bc1…" value={text} onChange={setText} />
      {target.kind === 'address' ? (
        <SendCoins key={text} target={target} />
      ) : (
        text !== '' && <p className="trouble">{t.notAnAddress}</p>
      )}
    </>
  )
}

function Transactions({ list }: { list: WalletTransaction[] }) {
  const { t } = useText()
  return (
    <section className="card flush">
      <header>
        <h2>{t.transactions}</h2>
        <span className="count">{list.length}</span>
      </header>
      {list.length === 0 ? (
        <Empty icon="wallet" text={t.noCoins} />
      ) : (
        <div className="scroll">
          <table className="stacked">
            <thead>
              <tr>
                <th scope="col">{t.transaction}</th>
                <th scope="col" className="number">
                  {t.amount}
                </th>
                <th scope="col" className="number">
                  {t.fee}
                </th>
                <th scope="col">{t.confirmations}</th>
              </tr>
            </thead>
            <tbody>
              {list.map((transaction) => (
                <tr key={transaction.txid}>
                  <td data-label={t.transaction}>
                    <CopyText text={transaction.txid} />
                  </td>
                  <td className="number" data-label={t.amount}>
                    <Sat sat={transaction.amount_sat} signed />
                  </td>
                  <td className="number" data-label={t.fee}>{transaction.fee_sat !== null && <Sat sat={transaction.fee_sat} />}</td>
                  <td data-label={t.confirmations}>
                    <Confirmations count={transaction.confirmations} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}

function Coins({ list }: { list: Utxo[] }) {
  const { t } = useText()
  if (list.length === 0) return null
  return (
    <section className="card flush">
      <header>
        <h2>{t.coins}</h2>
        <span className="count">{list.length}</span>
      </header>
      <div className="scroll">
        <table className="stacked">
          <thead>
            <tr>
              <th scope="col">{t.output}</th>
              <th scope="col">{t.address}</th>
              <th scope="col" className="number">
                {t.amount}
              </th>
              <th scope="col">{t.confirmations}</th>
            </tr>
          </thead>
          <tbody>
            {list.map((coin) => (
              <tr key={`${coin.txid}:${coin.vout}`}>
                <td data-label={t.output}>
                  <CopyText text={`${coin.txid}:${coin.vout}`} />
                </td>
                <td data-label={t.address}>{coin.address && <CopyText text={coin.address} />}</td>
                <td className="number" data-label={t.amount}>
                  <Sat sat={coin.amount_sat} />
                </td>
                <td data-label={t.confirmations}>
                  <Confirmations count={coin.confirmations} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

function Confirmations({ count }: { count: number }) {
  const { t, language } = useText()
  return count === 0 ? <span className="pill wait">{t.unconfirmed}</span> : <>{count.toLocaleString(language)}</>
}
