//! Transactions that spend the wallet's coins.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::str::FromStr;

use bdk_wallet::error::CreateTxError;
use bdk_wallet::miniscript::psbt::PsbtExt;
use bdk_wallet::LocalOutput;
use bitcoin::address::NetworkUnchecked;
use bitcoin::secp256k1::Secp256k1;
use bitcoin::{psbt, Address, Amount, FeeRate, OutPoint, Psbt, ScriptBuf};
use bitcoin::{Transaction, Txid, Weight};

use super::account::Account;
use super::{Inner, Wallet, WalletError};

/// A transaction that is to be signed. Its coins are reserved for it until it confirms or
/// [`Wallet::release`] gives them back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FundedPsbt {
    /// What the signer signs.
    pub psbt: Psbt,
    /// Its id. All inputs are native SegWit: signatures do not change it.
    pub txid: Txid,
    /// The output that was asked for.
    pub output: OutPoint,
    /// What that output holds.
    pub amount: Amount,
    /// What the transaction pays for itself.
    pub fee: Amount,
}

/// How much to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendAmount {
    /// Everything that can be spent, less the fee.
    All,
    /// This much. The fee comes on top.
    Exactly(Amount),
}

/// A payment that the wallet is to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendOrder {
    /// To whom.
    pub address: String,
    /// How much.
    pub amount: SendAmount,
    /// What it pays for its place in a block.
    pub feerate: FeeRate,
    /// What must be left of the coins that can be spent.
    pub keep: Amount,
}

/// What a signer may answer instead of a signature.
pub type SignerFailure = Box<dyn std::error::Error + Send + Sync>;

impl Wallet {
    /// Chooses coins for one output and change for the rest, and reserves them.
    ///
    /// # Errors
    /// [`WalletError::Insufficient`] if the coins that are confirmed (or change of one's own) and not
    /// reserved do not suffice.
    pub fn fund(
        &self,
        script: ScriptBuf,
        amount: Amount,
        feerate: FeeRate,
    ) -> Result<FundedPsbt, WalletError> {
        self.fund_with(script, SendAmount::Exactly(amount), feerate, Amount::ZERO)
    }

    /// As [`Self::fund`], while `keep` is left of all that can be spent. With [`SendAmount::All`] there is no other change.
    ///
    /// # Errors
    /// As [`Self::fund`]; [`WalletError::Kept`] if less would be left.
    pub fn fund_with(
        &self,
        script: ScriptBuf,
        amount: SendAmount,
        feerate: FeeRate,
        keep: Amount,
    ) -> Result<FundedPsbt, WalletError> {
        let mut inner = self.lock();
        let available = inner.spendable();
        let change = match amount {
            SendAmount::All if keep > Amount::ZERO => {
                let script = inner.change_script()?;
                let value = keep.max(script.minimal_non_dust());
                Some((script, value))
            }
            SendAmount::All | SendAmount::Exactly(_) => None,
        };
        let built = inner.build(&Payment {
            script: &script,
            amount,
            others: change.as_slice(),
            feerate,
        });
        let psbt = match built {
            // There is nothing over to send.
            Err(WalletError::Insufficient { .. }) if change.is_some() => {
                return Err(WalletError::Kept { available, keep });
            }
            built => built?,
        };
        // The change address is used up, whether the transaction is broadcast or not.
        inner.persist()?;
        // What is over may be too little for an output.
        let paid = psbt.unsigned_tx.output.iter();
        let is_paid = paid.into_iter().any(|it| it.script_pubkey == script);
        if change.is_some() && !is_paid {
            return Err(WalletError::Kept { available, keep });
        }
        let funded = describe(psbt, &script)?;
        let spent = funded.amount.checked_add(funded.fee);
        let left = spent.and_then(|spent| available.checked_sub(spent));
        if left.is_none_or(|left| left < keep) {
            return Err(WalletError::Kept { available, keep });
        }
        inner.reserve(&funded);
        Ok(funded)
    }

    /// As [`Self::fund`], for several outputs, each with another script. Gives their places in the order in which they were
    /// asked for.
    ///
    /// # Errors
    /// As [`Self::fund`]; [`WalletError::Signed`] if two scripts are the same, or none is given.
    pub fn fund_all(
        &self,
        outputs: &[(ScriptBuf, Amount)],
        feerate: FeeRate,
    ) -> Result<(FundedPsbt, Vec<OutPoint>), WalletError> {
        let Some(((script, amount), others)) = outputs.split_first() else {
            return Err(wrong("no output was asked for"));
        };
        let scripts: HashSet<&ScriptBuf> = outputs.iter().map(|(script, _)| script).collect();
        if scripts.len() != outputs.len() {
            return Err(wrong("two outputs have the same script"));
        }
        let mut inner = self.lock();
        let psbt = inner.build(&Payment {
            script,
            amount: SendAmount::Exactly(*amount),
            others,
            feerate,
        })?;
        inner.persist()?;
        let funded = describe(psbt, script)?;
        let places = outputs.iter().map(|(script, amount)| {
            let mut all = (0..).zip(&funded.psbt.unsigned_tx.output);
            let txid = funded.txid;
            all.find(|(_, output)| output.script_pubkey == *script && output.value == *amount)
                .map(|(vout, _)| OutPoint { txid, vout })
                .ok_or_else(|| wrong("it lacks an output that was asked for"))
        });
        let places = places.collect::<Result<Vec<_>, _>>()?;
        inner.reserve(&funded);
        Ok((funded, places))
    }

    /// What an output with this script could hold at most, if it took all coins that can be spent. Reserves nothing.
    ///
    /// # Errors
    /// [`WalletError::Insufficient`] if there is nothing, or nothing worth its fee.
    pub fn max_fundable(&self, script: ScriptBuf, feerate: FeeRate) -> Result<Amount, WalletError> {
        let payment = Payment {
            script: &script,
            amount: SendAmount::All,
            others: &[],
            feerate,
        };
        Ok(describe(self.lock().build(&payment)?, &script)?.amount)
    }

    /// Has a transaction signed, and checks that what comes back is that transaction, complete.
    ///
    /// # Errors
    /// What the signer says; [`WalletError::Signed`] if its answer is not right. The coins stay
    /// reserved.
    pub fn sign(
        &self,
        funded: &FundedPsbt,
        signer: impl FnOnce(&mut Psbt) -> Result<(), SignerFailure>,
    ) -> Result<Transaction, WalletError> {
        let mut psbt = funded.psbt.clone();
        signer(&mut psbt).map_err(WalletError::Signer)?;
        if psbt.unsigned_tx != funded.psbt.unsigned_tx {
            return Err(wrong(
                "it is another transaction than the one that was given",
            ));
        }
        psbt.finalize_mut(&Secp256k1::verification_only())
            .map_err(|errors| {
                wrong(
                    &errors
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join("; "),
                )
            })?;
        let transaction = psbt
            .extract_tx()
            .map_err(|error| wrong(&error.to_string()))?;
        if transaction.compute_txid() != funded.txid {
            return Err(wrong("signing changed its id"));
        }
        Ok(transaction)
    }

    /// Builds, signs and writes down a payment. The caller broadcasts it; if it is never taken,
    /// [`Self::forget`] gives the coins back.
    ///
    /// # Errors
    /// If the address is of another network, coins are lacking, less than is to be kept would be left, or the signer refuses. No
    /// coins are reserved then.
    pub fn prepare_send(
        &self,
        order: &SendOrder,
        signer: impl FnOnce(&mut Psbt) -> Result<(), SignerFailure>,
    ) -> Result<Transaction, WalletError> {
        let network = self.lock().network;
        let address = &order.address;
        let script = Address::<NetworkUnchecked>::from_str(address)
            .ok()
            .and_then(|address| address.require_network(network).ok())
            .ok_or_else(|| WalletError::Address {
                address: address.clone(),
                network,
            })?
            .script_pubkey();
        let funded = self.fund_with(script, order.amount, order.feerate, order.keep)?;
        let written = self.sign(&funded, signer).and_then(|transaction| {
            self.note_broadcast(&transaction)?;
            Ok(transaction)
        });
        if written.is_err() {
            self.release(&funded.txid);
        }
        written
    }
}

struct Payment<'a> {
    script: &'a ScriptBuf,
    amount: SendAmount,
    /// More outputs.
    others: &'a [(ScriptBuf, Amount)],
    feerate: FeeRate,
}

/// A coin of another account than the one that builds.
struct Foreign {
    coin: LocalOutput,
    input: psbt::Input,
    weight: Weight,
}

impl Inner {
    fn reserve(&mut self, funded: &FundedPsbt) {
        let inputs = funded.psbt.unsigned_tx.input.iter();
        let coins = inputs.map(|input| input.previous_output).collect();
        self.reserved.insert(funded.txid, coins);
    }

    /// From the coins of one account if they suffice, for privacy and size; else of all.
    fn build(&mut self, payment: &Payment<'_>) -> Result<Psbt, WalletError> {
        let everything = payment.amount == SendAmount::All;
        let accounts = self.accounts.len();
        for builder in 0..accounts {
            if everything && accounts > 1 {
                break;
            }
            match self.build_by(builder, payment, &[]) {
                Err(WalletError::Insufficient { .. }) if accounts > 1 => {}
                outcome => return outcome,
            }
        }
        let foreign = self.foreign_coins()?;
        let mut used = if everything { foreign.len() } else { 1 };
        loop {
            match self.build_by(0, payment, foreign.get(..used).unwrap_or(&foreign)) {
                Err(WalletError::Insufficient { .. }) if used < foreign.len() => {
                    used = used.saturating_add(1);
                }
                outcome => return outcome,
            }
        }
    }

    fn build_by(
        &mut self,
        builder: usize,
        payment: &Payment<'_>,
        foreign: &[Foreign],
    ) -> Result<Psbt, WalletError> {
        let reserved = self.reserved();
        let none = || WalletError::Descriptor {
            why: "there is none".to_owned(),
        };
        let account = self.accounts.get_mut(builder).ok_or_else(none)?;
        let spendable = account.unreserved(&reserved);
        let available = spendable
            .iter()
            .chain(foreign.iter().map(|foreign| &foreign.coin));
        let available = available.fold(Amount::ZERO, |sum, coin| {
            sum.checked_add(coin.txout.value)
                .unwrap_or(Amount::MAX_MONEY)
        });
        let usable: HashSet<OutPoint> = spendable.iter().map(|coin| coin.outpoint).collect();
        let all = account.wallet.list_unspent().map(|coin| coin.outpoint);
        let unspendable = all.filter(|coin| !usable.contains(coin)).collect();
        let mut transaction = account.wallet.build_tx();
        transaction
            .fee_rate(payment.feerate)
            .unspendable(unspendable)
            .version(2);
        for foreign in foreign {
            let (outpoint, input) = (foreign.coin.outpoint, foreign.input.clone());
            transaction
                .add_foreign_utxo(outpoint, input, foreign.weight)
                .map_err(|error| WalletError::Foreign {
                    why: error.to_string(),
                })?;
        }
        let mut needed = match payment.amount {
            SendAmount::Exactly(amount) => {
                transaction.add_recipient(payment.script.clone(), amount);
                amount
            }
            SendAmount::All => {
                transaction.drain_wallet().drain_to(payment.script.clone());
                Amount::ZERO
            }
        };
        for (script, amount) in payment.others {
            transaction.add_recipient(script.clone(), *amount);
            needed = needed.checked_add(*amount).unwrap_or(Amount::MAX_MONEY);
        }
        transaction.finish().map_err(|error| match error {
            CreateTxError::CoinSelection(lack) => WalletError::Insufficient {
                needed: lack.needed.max(needed),
                available,
            },
            // There is nothing to drain.
            CreateTxError::NoRecipients | CreateTxError::NoUtxosSelected => {
                WalletError::Insufficient { needed, available }
            }
            error => WalletError::Build(error),
        })
    }

    /// Coins of all accounts but the first, the largest first.
    fn foreign_coins(&self) -> Result<Vec<Foreign>, WalletError> {
        let reserved = self.reserved();
        let mut foreign = Vec::new();
        for account in self.accounts.iter().skip(1) {
            for coin in account.unreserved(&reserved) {
                foreign.push(account.as_foreign(coin)?);
            }
        }
        foreign.sort_by_key(|foreign| Reverse(foreign.coin.txout.value));
        Ok(foreign)
    }
}

impl Account {
    fn unreserved(&self, reserved: &HashSet<OutPoint>) -> Vec<LocalOutput> {
        let mut coins = self.spendable();
        coins.retain(|coin| !reserved.contains(&coin.outpoint));
        coins
    }

    fn as_foreign(&self, coin: LocalOutput) -> Result<Foreign, WalletError> {
        let input = self.wallet.get_psbt_input(coin.clone(), None, false)?;
        let weight = self
            .wallet
            .public_descriptor(coin.keychain)
            .max_weight_to_satisfy()
            .map_err(|error| WalletError::Descriptor {
                why: error.to_string(),
            })?;
        Ok(Foreign {
            coin,
            input,
            weight,
        })
    }
}

fn describe(psbt: Psbt, script: &ScriptBuf) -> Result<FundedPsbt, WalletError> {
    let fee = psbt.fee().map_err(|error| wrong(&error.to_string()))?;
    let mut outputs = (0..).zip(&psbt.unsigned_tx.output);
    let (vout, output) = outputs
        .find(|(_, output)| output.script_pubkey == *script)
        .ok_or_else(|| wrong("it lacks the output that was asked for"))?;
    let (txid, amount) = (psbt.unsigned_tx.compute_txid(), output.value);
    Ok(FundedPsbt {
        output: OutPoint { txid, vout },
        txid,
        amount,
        fee,
        psbt,
    })
}

fn wrong(why: &str) -> WalletError {
    WalletError::Signed {
        why: why.to_owned(),
    }
}
