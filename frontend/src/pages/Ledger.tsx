import { CopyText } from '../parts/CopyText'
import { ProofBadge } from '../parts/ProofBadge'
import { useNode, useProved } from '../node/context'
import { useText } from '../text'

const SHOWN = 10

/** The newest blocks, each with its signature checked. */
export function Ledger() {
  const { t } = useText()
  const { info } = useNode()
  const proof = useProved('newestBlocks', SHOWN)
  return (
    <>
      <h1>
        {t.ledger} <ProofBadge proof={proof} />
      </h1>
      <p>
        {t.validator}: <CopyText text={info.validator_key} whole />
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">{t.height}</th>
            <th scope="col">{t.signedAt}</th>
            <th scope="col">{t.transactions}</th>
            <th scope="col">{t.blockHash}</th>
            <th scope="col">{t.stateHash}</th>
          </tr>
        </thead>
        <tbody>
          {proof.answer?.value.map((block) => (
            <tr key={block.height}>
              <td>{block.height}</td>
              <td>{block.time.toLocaleString()}</td>
              <td>{block.txCount}</td>
              <td>
                <CopyText text={block.hash} />
              </td>
              <td>
                <CopyText text={block.stateHash} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}
