//! `zarnitsa wallet ...`

use clap::Subcommand;
use serde_json::json;

use super::{Client, Output};
use crate::api::{
    AddressType, AmountOrAll, Utxo, WalletAddress, WalletSend, WalletSent, WalletTransaction,
};

#[derive(Debug, Subcommand)]
pub enum Wallet {
    /// A fresh receiving address
    Address {
        /// Its kind
        #[arg(long = "type", value_enum, default_value_t)]
        kind: AddressType,
    },
    /// Send on chain
    Send {
        /// To whom
        address: String,
        /// How much: 50000sat, 0.1btc, all, which leaves what closing the channels may cost
        amount: AmountOrAll,
        /// Fee rate in sat/vB [default: the estimate]
        #[arg(long, value_name = "SAT_VB")]
        fee_rate: Option<u64>,
        /// Send what is kept to pay for closing channels too
        #[arg(long)]
        spend_reserve: bool,
    },
    /// Unspent outputs
    Utxos,
    /// Transactions, newest first
    Transactions,
}

impl Wallet {
    pub fn run(self, client: &Client, out: Output) -> anyhow::Result<()> {
        match self {
            Self::Address { kind } => {
                let kind = match kind {
                    AddressType::Segwit => "segwit",
                    AddressType::Taproot => "taproot",
                };
                let path = format!("wallet/address?type={kind}");
                out.one(&client.post::<WalletAddress>(&path, json!({}))?)
            }
            Self::Send {
                address,
                amount,
                fee_rate,
                spend_reserve,
            } => {
                let request = WalletSend {
                    address,
                    amount,
                    fee_rate_sat_vb: fee_rate,
                    spend_reserve,
                };
                out.one(&client.post::<WalletSent>("wallet/send", request)?)
            }
            Self::Utxos => {
                let utxos: Vec<Utxo> = client.get("wallet/utxos")?;
                out.list(
                    &utxos,
                    &["txid", "vout", "amount_sat", "confirmations", "address"],
                )
            }
            Self::Transactions => {
                let transactions: Vec<WalletTransaction> = client.get("wallet/transactions")?;
                let columns = [
                    "txid",
                    "amount_sat",
                    "fee_sat",
                    "block_height",
                    "confirmations",
                ];
                out.list(&transactions, &columns)
            }
        }
    }
}
