//! Transactions of others for which the wallet pays the fee: its coins go in after their inputs, its change after their outputs.

use std::cmp::Reverse;
use std::collections::HashSet;

use bdk_wallet::{KeychainKind, LocalOutput};
use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{
    psbt, Amount, FeeRate, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid,
    Weight, Witness,
};

use super::account::Account;
use super::{FundedPsbt, Inner, Wallet, WalletError};

/// An input of a wallet's coin, signed: 41 bytes, and a witness of at most a signature and a key.
const COIN_WEIGHT: u64 = 41 * 4 + 110;

/// An input that somebody else signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignInput {
    /// What it spends.
    pub outpoint: OutPoint,
    /// The output that it spends.
    pub output: TxOut,
    /// Its sequence.
    pub sequence: Sequence,
    /// The most that its witness weighs, with what announces it.
    pub witness_weight: u64,
}

/// What the transaction is to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeGoal {
    /// For itself and its parent together.
    pub feerate: FeeRate,
    /// The fee and the weight of an unconfirmed parent that it pays for.
    pub parent: Option<(Amount, Weight)>,
    /// Not less than this: what it replaces has paid that.
    pub least: Amount,
}

/// Inputs and outputs that stand first, each at its index, and what is to be paid for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeeRequest {
    /// In their order.
    pub inputs: Vec<ForeignInput>,
    /// In their order.
    pub outputs: Vec<TxOut>,
    /// The transaction's lock time.
    pub lock_time: LockTime,
    /// What it is to pay.
    pub goal: FeeGoal,
    /// Coins of the wallet in transactions that this one takes the place of: they are taken first.
    pub reuse: Vec<OutPoint>,
    /// Those transactions, and earlier ones in the same place: such a coin is free while nothing else spends it.
    pub replaced: HashSet<Txid>,
}

impl Wallet {
    /// Adds coins and change to a transaction of others so that it pays its fee, and reserves the coins.
    ///
    /// # Errors
    /// [`WalletError::Insufficient`] if the coins that are confirmed and not reserved do not suffice.
    pub fn pay_fee(&self, request: &FeeRequest) -> Result<FundedPsbt, WalletError> {
        let mut inner = self.lock();
        let change = inner.change_script()?;
        let coins = inner.fee_coins(request);
        let chosen = choose(request, &change, &coins)?;
        let psbt = inner.fee_psbt(request, &chosen, change)?;
        // The change address is used up, whether the transaction is broadcast or not.
        inner.persist()?;
        let txid = psbt.unsigned_tx.compute_txid();
        let used = chosen.coins.iter().map(|coin| coin.outpoint).collect();
        inner.reserved.insert(txid, used);
        let vout = u32::try_from(request.outputs.len()).unwrap_or(u32::MAX);
        Ok(FundedPsbt {
            output: OutPoint { txid, vout },
            amount: chosen.change,
            fee: chosen.fee,
            txid,
            psbt,
        })
    }

    /// What the coins hold together that can be spent: confirmed ones and change of one's own, none of them reserved.
    pub fn spendable(&self) -> Amount {
        self.lock().spendable()
    }
}

struct Chosen {
    coins: Vec<LocalOutput>,
    change: Amount,
    fee: Amount,
}

/// Takes coins in their order until fee and change are paid for.
fn choose(
    request: &FeeRequest,
    change: &ScriptBuf,
    coins: &[LocalOutput],
) -> Result<Chosen, WalletError> {
    let sum = |amounts: &mut dyn Iterator<Item = Amount>| {
        amounts.fold(Amount::ZERO, |sum, amount| {
            sum.checked_add(amount).unwrap_or(Amount::MAX_MONEY)
        })
    };
    let given = sum(&mut request.inputs.iter().map(|input| input.output.value));
    let paid = sum(&mut request.outputs.iter().map(|output| output.value));
    let dust = change.minimal_non_dust();
    let mut weight = base_weight(request, change);
    let mut total = given;
    let mut taken = Vec::new();
    for coin in coins {
        weight = weight.saturating_add(COIN_WEIGHT);
        total = total
            .checked_add(coin.txout.value)
            .unwrap_or(Amount::MAX_MONEY);
        taken.push(coin.clone());
        let fee = fee(&request.goal, weight);
        let needed = sum(&mut [paid, fee, dust].into_iter());
        if let Some(left) = total.checked_sub(needed) {
            let change = left.checked_add(dust).unwrap_or(left);
            return Ok(Chosen {
                coins: taken,
                change,
                fee,
            });
        }
    }
    if coins.is_empty() {
        weight = weight.saturating_add(COIN_WEIGHT);
    }
    let needed = sum(&mut [paid, fee(&request.goal, weight), dust].into_iter());
    Err(WalletError::Insufficient {
        needed: needed.checked_sub(given).unwrap_or(Amount::ZERO),
        available: sum(&mut coins.iter().map(|coin| coin.txout.value)),
    })
}

/// Of all but the wallet's inputs.
fn base_weight(request: &FeeRequest, change: &ScriptBuf) -> u64 {
    let change = TxOut {
        value: Amount::ZERO,
        script_pubkey: change.clone(),
    };
    let outputs = request.outputs.iter().chain([&change]);
    let outputs: u64 = outputs.map(|output| output.weight().to_wu()).sum();
    let inputs = request.inputs.iter();
    let inputs: u64 = inputs
        .map(|input| input.witness_weight.saturating_add(41 * 4))
        .sum();
    // Version, lock time and both counts; marker and flag.
    outputs.saturating_add(inputs).saturating_add(10 * 4 + 2)
}

/// What the transaction pays so that it and its parent reach the feerate.
fn fee(goal: &FeeGoal, weight: u64) -> Amount {
    let (paid, parent) = goal.parent.unwrap_or((Amount::ZERO, Weight::ZERO));
    let rate = goal.feerate.to_sat_per_kwu();
    let of = |weight: u64| Amount::from_sat(rate.saturating_mul(weight).div_ceil(1_000));
    let both = of(weight.saturating_add(parent.to_wu()));
    let own = of(weight);
    let wanted = both.checked_sub(paid).unwrap_or(Amount::ZERO).max(own);
    wanted.max(goal.least)
}

/// Whether no transaction that the wallet goes by spends a coin, but for these while they are in no block.
fn is_free(account: &Account, coin: &OutPoint, replaced: &HashSet<Txid>) -> bool {
    let spenders = account.wallet.tx_graph().outspends(*coin);
    let takes = |txid: &Txid| {
        let entry = account.wallet.get_tx(*txid);
        entry.is_some_and(|it| it.chain_position.is_confirmed() || !replaced.contains(txid))
    };
    !spenders.iter().any(takes)
}

impl Inner {
    pub(super) fn spendable(&self) -> Amount {
        let reserved = self.reserved();
        let coins = self.accounts.iter().flat_map(super::Account::spendable);
        let free = coins.filter(|coin| !reserved.contains(&coin.outpoint));
        free.fold(Amount::ZERO, |sum, coin| {
            sum.checked_add(coin.txout.value)
                .unwrap_or(Amount::MAX_MONEY)
        })
    }

    pub(super) fn change_script(&mut self) -> Result<ScriptBuf, WalletError> {
        let account = self
            .accounts
            .first_mut()
            .ok_or_else(|| WalletError::Descriptor {
                why: "there is none".to_owned(),
            })?;
        let address = account.wallet.next_unused_address(KeychainKind::Internal);
        Ok(address.script_pubkey())
    }

    /// Those to be used again first, then the largest. Only confirmed ones: an unconfirmed parent more would make a package that
    /// no mempool takes.
    fn fee_coins(&self, request: &FeeRequest) -> Vec<LocalOutput> {
        let reserved = self.reserved();
        let reuse = &request.reuse;
        let mut coins = Vec::new();
        for account in &self.accounts {
            let spendable = account.spendable().into_iter();
            coins.extend(spendable.filter(|coin| {
                coin.chain_position.is_confirmed()
                    && !reserved.contains(&coin.outpoint)
                    && !reuse.contains(&coin.outpoint)
            }));
        }
        coins.sort_by_key(|coin| Reverse(coin.txout.value));
        let again = self.accounts.iter().flat_map(|account| {
            let outputs = account.wallet.list_output();
            outputs.filter(|coin| {
                let at = &coin.outpoint;
                reuse.contains(at)
                    && coin.chain_position.is_confirmed()
                    && is_free(account, at, &request.replaced)
            })
        });
        let mut all: Vec<LocalOutput> = again.collect();
        all.extend(coins);
        all
    }

    fn fee_psbt(
        &self,
        request: &FeeRequest,
        chosen: &Chosen,
        change: ScriptBuf,
    ) -> Result<Psbt, WalletError> {
        let input = |previous_output, sequence| TxIn {
            previous_output,
            script_sig: ScriptBuf::new(),
            sequence,
            witness: Witness::new(),
        };
        let foreign = request.inputs.iter();
        let mut inputs: Vec<TxIn> = foreign.map(|i| input(i.outpoint, i.sequence)).collect();
        let coins = chosen.coins.iter();
        inputs.extend(coins.map(|c| input(c.outpoint, Sequence::ENABLE_RBF_NO_LOCKTIME)));
        let mut outputs = request.outputs.clone();
        outputs.push(TxOut {
            value: chosen.change,
            script_pubkey: change,
        });
        let unsigned = Transaction {
            version: Version::TWO,
            lock_time: request.lock_time,
            input: inputs,
            output: outputs,
        };
        let mut psbt = Psbt::from_unsigned_tx(unsigned).map_err(|error| WalletError::Foreign {
            why: error.to_string(),
        })?;
        let mut described: Vec<psbt::Input> = Vec::with_capacity(psbt.inputs.len());
        for foreign in &request.inputs {
            described.push(psbt::Input {
                witness_utxo: Some(foreign.output.clone()),
                ..psbt::Input::default()
            });
        }
        for coin in &chosen.coins {
            described.push(self.psbt_input(coin)?);
        }
        psbt.inputs = described;
        Ok(psbt)
    }

    fn psbt_input(&self, coin: &LocalOutput) -> Result<psbt::Input, WalletError> {
        let owner = self
            .accounts
            .iter()
            .find(|account| account.wallet.is_mine(coin.txout.script_pubkey.clone()))
            .ok_or_else(|| WalletError::Foreign {
                why: "a coin is none of its accounts'".to_owned(),
            })?;
        let mut input = owner.wallet.get_psbt_input(coin.clone(), None, false)?;
        // A coin that an earlier transaction spends in the mempool has the output all the same.
        input.witness_utxo = Some(coin.txout.clone());
        Ok(input)
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hashes::Hash;
    use bitcoin::WPubkeyHash;

    use super::*;

    fn goal(parent: Option<(Amount, Weight)>, least: u64) -> FeeGoal {
        FeeGoal {
            feerate: FeeRate::from_sat_per_kwu(1_000),
            parent,
            least: Amount::from_sat(least),
        }
    }

    #[test]
    fn fee_of_a_child_pays_what_its_parent_lacks() {
        let parent = Some((Amount::from_sat(200), Weight::from_wu(1_000)));
        assert_eq!(fee(&goal(parent, 0), 500), Amount::from_sat(1_300));
        // A parent that pays more than enough lends nothing to its child.
        let rich = Some((Amount::from_sat(9_000), Weight::from_wu(1_000)));
        assert_eq!(fee(&goal(rich, 0), 500), Amount::from_sat(500));
    }

    #[test]
    fn fee_of_a_replacement_is_not_below_its_least() {
        assert_eq!(fee(&goal(None, 800), 500), Amount::from_sat(800));
        assert_eq!(fee(&goal(None, 300), 500), Amount::from_sat(500));
    }

    /// What a coin must hold that pays for this transaction, whose feerate is a satoshi for each weight unit.
    fn needed(inputs: Vec<ForeignInput>) -> u64 {
        let request = FeeRequest {
            inputs,
            outputs: Vec::new(),
            lock_time: LockTime::ZERO,
            goal: goal(None, 0),
            reuse: Vec::new(),
            replaced: HashSet::new(),
        };
        let change = ScriptBuf::new_p2wpkh(&WPubkeyHash::all_zeros());
        match choose(&request, &change, &[]) {
            Err(WalletError::Insufficient { needed, available }) => {
                assert_eq!(available, Amount::ZERO);
                needed.to_sat()
            }
            _ => panic!("there is no coin"),
        }
    }

    #[test]
    fn fee_without_coins_says_what_a_coin_must_hold() {
        // BIP 141: 42 for what frames it, 124 for the change, 294 of which are its dust limit.
        let alone = 42 + 124 + COIN_WEIGHT + 294;
        assert_eq!(needed(Vec::new()), alone);
        let anchor = ForeignInput {
            outpoint: OutPoint::null(),
            output: TxOut {
                value: Amount::from_sat(330),
                script_pubkey: ScriptBuf::new(),
            },
            sequence: Sequence::MAX,
            witness_weight: 115,
        };
        assert_eq!(needed(vec![anchor]), alone + 164 + 115 - 330);
    }
}
