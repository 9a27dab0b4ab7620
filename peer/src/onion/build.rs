//! A payment's onion (BOLT 4, "Packet Construction").

use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey};
use lightning::ln::channelmanager::RecipientOnionFields;
use lightning::ln::msgs::OnionPacket;
use lightning::ln::onion_utils::create_payment_onion;
use lightning::routing::router::{Path, RouteHop};
use lightning::types::features::{ChannelFeatures, NodeFeatures};
use lightning::types::payment::{PaymentHash, PaymentPreimage, PaymentSecret};
use lightning::util::errors::APIError;
use rand::rngs::OsRng;
use rand::RngCore;

/// What the payee gets in the innermost layer.
#[derive(Clone, Debug)]
pub enum Payee {
    /// An invoice is paid.
    Invoice {
        /// From the invoice.
        payment_secret: PaymentSecret,
        /// From the invoice.
        payment_metadata: Option<Vec<u8>>,
    },
    /// An invoice with blinded paths is paid: all that the payee needs it has written into them itself.
    Blinded,
    /// Nothing was agreed on before: the payer chooses the preimage.
    Keysend {
        /// Its hash is the payment's.
        preimage: PaymentPreimage,
    },
}

/// One onion for one HTLC.
#[derive(Clone, Debug)]
pub struct Payment<'a> {
    /// The hops; the last one's `fee_msat` is what the payee gets by this HTLC.
    pub path: &'a Path,
    /// All parts of the payment together.
    pub total_msat: u64,
    /// The payment's hash.
    pub payment_hash: PaymentHash,
    /// What the payee gets.
    pub payee: Payee,
    /// The best block that this node knows.
    pub block_height: u32,
}

/// An onion, with what to put into update_add_htlc beside it.
#[derive(Clone, Debug)]
pub struct BuiltOnion {
    /// For the first hop.
    pub packet: OnionPacket,
    /// What the first hop must get: the payment and the fees.
    pub amount_msat: u64,
    /// When the first hop's HTLC must expire.
    pub cltv_expiry: u32,
}

/// Why there is no onion.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No hops, too many, or amounts that overflow.
    #[error("the route cannot be used: {0}")]
    Route(String),
    /// No randomness for the padding.
    #[error("the system gives no randomness: {0}")]
    Randomness(#[source] rand::Error),
}

/// A path of one hop: the peer at the other end of a channel is paid.
pub fn direct_path(
    payee: PublicKey,
    short_channel_id: u64,
    amount_msat: u64,
    final_cltv_expiry_delta: u32,
) -> Path {
    Path {
        hops: vec![RouteHop {
            pubkey: payee,
            node_features: NodeFeatures::empty(),
            short_channel_id,
            channel_features: ChannelFeatures::empty(),
            fee_msat: amount_msat,
            cltv_expiry_delta: final_cltv_expiry_delta,
            maybe_announced_channel: false,
        }],
        blinded_tail: None,
    }
}

/// Makes the onion. `session_key` must be new for each onion.
///
/// # Errors
/// Where the path is empty, longer than an onion, or has amounts that overflow.
pub fn build(session_key: &SecretKey, payment: &Payment<'_>) -> Result<BuiltOnion, BuildError> {
    if payment.path.hops.is_empty() {
        return Err(BuildError::Route("it has no hops".to_owned()));
    }
    let mut padding_seed = [0; 32];
    OsRng
        .try_fill_bytes(&mut padding_seed)
        .map_err(BuildError::Randomness)?;
    let (recipient, preimage) = recipient(&payment.payee);
    let height = payment
        .block_height
        .checked_add(1) // LDK counts from the next block
        .ok_or_else(|| BuildError::Route("the block height is out of range".to_owned()))?;
    let (packet, amount_msat, cltv_expiry) = create_payment_onion(
        &Secp256k1::signing_only(),
        payment.path,
        session_key,
        payment.total_msat,
        &recipient,
        height,
        &payment.payment_hash,
        &preimage,
        None,
        padding_seed,
    )
    .map_err(|error| BuildError::Route(reason(error)))?;
    Ok(BuiltOnion {
        packet,
        amount_msat,
        cltv_expiry,
    })
}

fn recipient(payee: &Payee) -> (RecipientOnionFields, Option<PaymentPreimage>) {
    match payee {
        Payee::Invoice {
            payment_secret,
            payment_metadata,
        } => {
            let mut fields = RecipientOnionFields::secret_only(*payment_secret);
            fields.payment_metadata.clone_from(payment_metadata);
            (fields, None)
        }
        // The payee's secret is in the path.
        Payee::Blinded => (RecipientOnionFields::spontaneous_empty(), None),
        Payee::Keysend { preimage } => (RecipientOnionFields::spontaneous_empty(), Some(*preimage)),
    }
}

fn reason(error: APIError) -> String {
    match error {
        APIError::InvalidRoute { err } | APIError::APIMisuseError { err } => err,
        other => format!("{other:?}"),
    }
}
