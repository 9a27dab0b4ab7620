//! The same bytes as LDK's `chan_utils`, an implementation of BOLT 3 that shares no code with this one, on random
//! channels and states; and its signer's signatures pass this crate's checks.

use bitcoin::consensus::serialize;
use bitcoin::hashes::Hash;
use bitcoin::secp256k1::{Secp256k1, SecretKey};
use bitcoin::{Amount, ScriptBuf, WPubkeyHash};
use lightning::chain::transaction::OutPoint as LdkOutPoint;
use lightning::ln::chan_utils::{
    self, build_htlc_transaction, ChannelPublicKeys as LdkPublicKeys, ChannelTransactionParameters,
    ClosingTransaction, CommitmentTransaction, CounterpartyChannelTransactionParameters,
    CounterpartyCommitmentSecrets, HTLCOutputInCommitment, TxCreationKeys,
};
use lightning::ln::channel_keys::{DelayedPaymentBasepoint, HtlcBasepoint, RevocationBasepoint};
use lightning::sign::ecdsa::EcdsaChannelSigner;
use lightning::sign::{ChannelSigner, KeysManager};
use lightning::types::features::ChannelTypeFeatures;
use lightning::types::payment::PaymentHash as LdkPaymentHash;
use proptest::collection::vec;
use proptest::prelude::*;
use zarnitsa_channel::amount::Msat;
use zarnitsa_channel::ids::{HtlcId, PaymentHash};
use zarnitsa_channel::keys::{
    derive_private_key, derive_public_key, derive_revocation_private_key,
    derive_revocation_public_key,
};
use zarnitsa_channel::params::{ChannelParams, ChannelPublicKeys, CommitmentFormat, Side};
use zarnitsa_channel::secrets::{commitment_secret_from_seed, SecretStore};
use zarnitsa_channel::tx::closing::create_closing_tx;
use zarnitsa_channel::tx::commitment::{
    commitment_number_of, create_commitment_tx, CommitmentHtlc, CommitmentSpec, CommitmentTx,
};
use zarnitsa_channel::tx::TxError;
use zarnitsa_channel::validate::{validate_tx, Secp};

use crate::seeded;
use crate::world::World;

/// LDK counts commitments downwards from here.
const FIRST: u64 = (1 << 48) - 1;

fn side(holder: bool) -> Side {
    if holder {
        Side::Holder
    } else {
        Side::Counterparty
    }
}

/// An HTLC's amount, so chosen that the edges come up.
#[derive(Clone, Copy, Debug)]
enum HtlcAmount {
    Msat(u64),
    /// So many millisatoshis from the least amount that gets an output.
    FromDust(i64),
}

#[derive(Clone, Debug)]
struct HtlcCase {
    offered: bool,
    amount: HtlcAmount,
    hash: u8,
    expiry: u32,
}

/// A balance, beside the HTLCs.
#[derive(Clone, Copy, Debug)]
enum Balance {
    Msat(u64),
    /// So many millisatoshis from what leaves exactly the dust limit once the side has paid what it has to.
    FromDust(i64),
}

#[derive(Clone, Debug)]
struct Case {
    tag: u64,
    anchors: bool,
    holder_opened: bool,
    holder_broadcasts: bool,
    number: u64,
    feerate: u32,
    dust_limits: [u64; 2],
    delays: [u16; 2],
    balances: [Balance; 2],
    htlcs: Vec<HtlcCase>,
}

fn htlc_case() -> impl Strategy<Value = HtlcCase> {
    let amount = prop_oneof![
        (1..20_000_000u64).prop_map(HtlcAmount::Msat),
        (-2_000..2_000i64).prop_map(HtlcAmount::FromDust),
        // Few values, so that many are alike; some only in whole satoshis.
        (0..4u64).prop_map(|n| HtlcAmount::Msat(5_000_000 + n * 400)),
    ];
    let expiry = prop_oneof![500..503u32, 1..500_000_000u32, Just(16), Just(128)];
    (any::<bool>(), amount, 0..3u8, expiry).prop_map(|(offered, amount, hash, expiry)| HtlcCase {
        offered,
        amount,
        hash,
        expiry,
    })
}

fn balance() -> impl Strategy<Value = Balance> {
    prop_oneof![
        Just(Balance::Msat(0)),
        (0..2_000_000u64).prop_map(Balance::Msat),
        (0..10_000_000_000_000u64).prop_map(Balance::Msat),
        (-2_000..2_000i64).prop_map(Balance::FromDust),
    ]
}

fn case(htlcs: usize) -> impl Strategy<Value = Case> {
    let number = prop_oneof![0..3u64, 0..FIRST, Just(FIRST - 1)];
    let feerate = prop_oneof![Just(0), Just(253), 0..5_000u32, 0..200_000u32];
    let dust = || prop_oneof![Just(354), Just(546), 330..5_000u64];
    let delay = || prop_oneof![Just(1), Just(16), Just(17), Just(144), 1..u16::MAX];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let sides = ([dust(), dust()], [delay(), delay()], [balance(), balance()]);
    let htlcs = vec(htlc_case(), 0..htlcs);
    (any::<u64>(), flags, number, feerate, sides, htlcs).prop_map(
        |(tag, flags, number, feerate, (dust_limits, delays, balances), htlcs)| Case {
            tag: tag >> 1,
            anchors: flags.0,
            holder_opened: flags.1,
            holder_broadcasts: flags.2,
            number,
            feerate,
            dust_limits,
            delays,
            balances,
            htlcs,
        },
    )
}

/// A channel in this crate's terms and in LDK's.
struct Pair {
    world: World,
    ldk: ChannelTransactionParameters,
    broadcaster: Side,
}

fn ldk_keys(keys: &ChannelPublicKeys) -> LdkPublicKeys {
    LdkPublicKeys {
        funding_pubkey: keys.funding,
        revocation_basepoint: RevocationBasepoint(keys.revocation_basepoint),
        payment_point: keys.payment_basepoint,
        delayed_payment_basepoint: DelayedPaymentBasepoint(keys.delayed_payment_basepoint),
        htlc_basepoint: HtlcBasepoint(keys.htlc_basepoint),
    }
}

fn ldk_type(anchors: bool) -> ChannelTypeFeatures {
    if anchors {
        ChannelTypeFeatures::anchors_zero_htlc_fee_and_dependencies()
    } else {
        ChannelTypeFeatures::only_static_remote_key()
    }
}

/// The channel as LDK has it, seen from `side`.
fn ldk_params(params: &ChannelParams, side: Side) -> ChannelTransactionParameters {
    let (own, other) = (params.side(side), params.side(side.other()));
    ChannelTransactionParameters {
        holder_pubkeys: ldk_keys(&own.keys),
        holder_selected_contest_delay: own.to_self_delay,
        is_outbound_from_holder: params.opener == side,
        counterparty_parameters: Some(CounterpartyChannelTransactionParameters {
            pubkeys: ldk_keys(&other.keys),
            selected_contest_delay: other.to_self_delay,
        }),
        funding_outpoint: Some(LdkOutPoint {
            txid: params.funding.txid,
            index: u16::try_from(params.funding.vout).unwrap(),
        }),
        splice_parent_funding_txid: None,
        channel_type_features: ldk_type(params.channel_type.format == CommitmentFormat::Anchors),
        channel_value_satoshis: params.capacity.to_sat(),
    }
}

/// The oracle's own idea of fees and trimming, written apart from the crate's, on LDK's weights.
struct Oracle {
    anchors: bool,
    feerate: u64,
    dust_limit: u64,
}

impl Oracle {
    /// The least number of satoshis with which an HTLC gets an output.
    fn least_htlc(&self, offered: bool) -> u64 {
        let kind = ldk_type(self.anchors);
        let weight = match (self.anchors, offered) {
            (true, _) => 0,
            (false, true) => chan_utils::htlc_timeout_tx_weight(&kind),
            (false, false) => chan_utils::htlc_success_tx_weight(&kind),
        };
        self.dust_limit + self.feerate * weight / 1_000
    }

    /// What the opener pays, in satoshis.
    fn opener_cost(&self, outputs: u64) -> u64 {
        let (base, anchors) = if self.anchors { (1_124, 660) } else { (724, 0) };
        self.feerate * (base + 172 * outputs) / 1_000 + anchors
    }

    /// What is left of a balance, zero where that is dust.
    fn left(&self, balance: Msat, cost: u64) -> u64 {
        let sat = (balance.to_msat() / 1_000).saturating_sub(cost);
        if sat < self.dust_limit {
            0
        } else {
            sat
        }
    }
}

impl Case {
    fn oracle(&self) -> Oracle {
        Oracle {
            anchors: self.anchors,
            feerate: u64::from(self.feerate),
            dust_limit: self.dust_limits[usize::from(!self.holder_broadcasts)],
        }
    }

    fn htlcs(&self) -> Vec<CommitmentHtlc> {
        let oracle = self.oracle();
        let htlc = |(id, htlc): (u64, &HtlcCase)| {
            let msat = match htlc.amount {
                HtlcAmount::Msat(msat) => msat,
                HtlcAmount::FromDust(by) => {
                    (oracle.least_htlc(htlc.offered) * 1_000).saturating_add_signed(by)
                }
            };
            CommitmentHtlc {
                offered_by_broadcaster: htlc.offered,
                id: HtlcId(id),
                amount: Msat::new(msat),
                payment_hash: PaymentHash([htlc.hash; 32]),
                cltv_expiry: htlc.expiry,
            }
        };
        (0..).zip(&self.htlcs).map(htlc).collect()
    }

    /// The specification, filled up by less than a satoshi on the broadcaster's side so that the capacity is whole.
    fn spec(&self) -> CommitmentSpec {
        let oracle = self.oracle();
        let htlcs = self.htlcs();
        let cost = oracle.opener_cost(count(untrimmed(&oracle, &htlcs)));
        let balance = |n: usize, pays: bool| match self.balances[n] {
            Balance::Msat(msat) => msat,
            Balance::FromDust(by) => {
                let cost = if pays { cost } else { 0 };
                ((oracle.dust_limit + cost) * 1_000).saturating_add_signed(by)
            }
        };
        let broadcaster_pays = self.holder_opened == self.holder_broadcasts;
        let mut to_broadcaster = balance(0, broadcaster_pays);
        let to_countersignatory = balance(1, !broadcaster_pays);
        let pending: u64 = htlcs.iter().map(|h| h.amount.to_msat()).sum();
        let fraction = (to_broadcaster + to_countersignatory + pending) % 1_000;
        to_broadcaster += (1_000 - fraction) % 1_000;
        CommitmentSpec {
            feerate_per_kw: self.feerate,
            to_broadcaster: Msat::new(to_broadcaster),
            to_countersignatory: Msat::new(to_countersignatory),
            htlcs,
        }
    }

    fn pair(&self, spec: &CommitmentSpec) -> Pair {
        let format = if self.anchors {
            CommitmentFormat::Anchors
        } else {
            CommitmentFormat::StaticRemoteKey
        };
        let mut world = World::new(format, self.tag);
        let params = &mut world.params;
        params.opener = side(self.holder_opened);
        params.capacity = spec.total().unwrap().to_sat_floor();
        params.funding.vout = u32::from(self.delays[0]);
        params.holder.dust_limit = Amount::from_sat(self.dust_limits[0]);
        params.counterparty.dust_limit = Amount::from_sat(self.dust_limits[1]);
        params.holder.to_self_delay = self.delays[0];
        params.counterparty.to_self_delay = self.delays[1];
        let ldk = ldk_params(&world.params, Side::Holder);
        Pair {
            world,
            ldk,
            broadcaster: side(self.holder_broadcasts),
        }
    }
}

fn count<T>(items: Vec<T>) -> u64 {
    u64::try_from(items.len()).unwrap()
}

fn untrimmed(oracle: &Oracle, htlcs: &[CommitmentHtlc]) -> Vec<HTLCOutputInCommitment> {
    let kept = htlcs.iter().filter(|htlc| {
        htlc.amount.to_msat() / 1_000 >= oracle.least_htlc(htlc.offered_by_broadcaster)
    });
    kept.map(ldk_htlc).collect()
}

fn ldk_htlc(htlc: &CommitmentHtlc) -> HTLCOutputInCommitment {
    HTLCOutputInCommitment {
        offered: htlc.offered_by_broadcaster,
        amount_msat: htlc.amount.to_msat(),
        cltv_expiry: htlc.cltv_expiry,
        payment_hash: LdkPaymentHash(htlc.payment_hash.0),
        transaction_output_index: None,
    }
}

/// LDK's commitment transaction.
fn ldk_commitment(case: &Case, spec: &CommitmentSpec, pair: &Pair) -> CommitmentTransaction {
    let oracle = case.oracle();
    let htlcs = untrimmed(&oracle, &spec.htlcs);
    let cost = oracle.opener_cost(count(htlcs.clone()));
    let broadcaster_pays = case.holder_opened == case.holder_broadcasts;
    let costs = if broadcaster_pays {
        [cost, 0]
    } else {
        [0, cost]
    };
    let directed = if case.holder_broadcasts {
        pair.ldk.as_holder_broadcastable()
    } else {
        pair.ldk.as_counterparty_broadcastable()
    };
    CommitmentTransaction::new(
        FIRST - case.number,
        &pair.world.secrets(pair.broadcaster).point(case.number),
        oracle.left(spec.to_broadcaster, costs[0]),
        oracle.left(spec.to_countersignatory, costs[1]),
        case.feerate,
        htlcs,
        &directed,
        &Secp256k1::new(),
    )
}

fn same_commitment(case: &Case) {
    let spec = case.spec();
    let pair = case.pair(&spec);
    let theirs = ldk_commitment(case, &spec, &pair);
    let theirs_tx = &theirs.trust().built_transaction().transaction;
    let params = &pair.world.params;
    let point = pair.world.secrets(pair.broadcaster).point(case.number);
    let ours = create_commitment_tx(params, pair.broadcaster, case.number, &point, &spec);
    if theirs_tx.output.is_empty() {
        assert_eq!(ours, Err(TxError::NoOutputs));
        return;
    }
    let outputs: Amount = theirs_tx.output.iter().map(|o| o.value).sum();
    if outputs > params.capacity {
        assert!(matches!(ours, Err(TxError::OutputsExceedCapacity { .. })));
        return;
    }
    let ours = ours.unwrap();
    assert_eq!(serialize(ours.tx()), serialize(theirs_tx));
    assert_eq!(ours.txid(), theirs.trust().txid());
    assert_eq!(commitment_number_of(params, ours.tx()), Some(case.number));
    same_htlc_txs(case, &pair, &ours, &theirs);
    located_outputs(&pair, &ours);
    assert_eq!(ours.fee(params), params.capacity - outputs);
}

fn same_htlc_txs(case: &Case, pair: &Pair, ours: &CommitmentTx, theirs: &CommitmentTransaction) {
    let trusted = theirs.trust();
    let keys = trusted.keys();
    let delay = pair
        .world
        .params
        .side(pair.broadcaster.other())
        .to_self_delay;
    let kind = ldk_type(case.anchors);
    let txs = ours.htlc_transactions(&pair.world.params).unwrap();
    assert_eq!(txs.len(), theirs.nondust_htlcs().len());
    for (our_htlc, their_htlc) in txs.iter().zip(theirs.nondust_htlcs()) {
        let their_tx = build_htlc_transaction(
            &trusted.txid(),
            case.feerate,
            delay,
            their_htlc,
            &kind,
            &keys.broadcaster_delayed_payment_key,
            &keys.revocation_key,
        );
        assert_eq!(serialize(our_htlc.tx()), serialize(&their_tx));
        let script = chan_utils::get_htlc_redeemscript(their_htlc, &kind, keys);
        assert_eq!(our_htlc.redeemscript(), script.as_script());
        assert_eq!(
            our_htlc.htlc().amount.to_msat() / 1_000,
            their_htlc.amount_msat / 1_000
        );
        assert_eq!(our_htlc.htlc().cltv_expiry, their_htlc.cltv_expiry);
    }
}

/// The indexes that a commitment transaction names are those of the outputs that they should be.
fn located_outputs(pair: &Pair, ours: &CommitmentTx) {
    let output = |vout: u32| &ours.tx().output[usize::try_from(vout).unwrap()];
    let amounts = ours.amounts();
    let main = [
        (ours.to_broadcaster_vout(), amounts.to_broadcaster),
        (ours.to_countersignatory_vout(), amounts.to_countersignatory),
    ];
    for (vout, amount) in main {
        assert_eq!(vout.is_some(), amount > Amount::ZERO);
        assert!(vout.is_none_or(|vout| output(vout).value == amount));
    }
    for side in [Side::Holder, Side::Counterparty] {
        let key = pair.world.params.side(side).keys.funding;
        let script = chan_utils::get_keyed_anchor_redeemscript(&key).to_p2wsh();
        let vout = ours.anchor_vout(side);
        assert!(vout.is_none_or(|vout| output(vout).script_pubkey == script));
    }
    for htlc in ours.htlc_outputs() {
        let script = ours.htlc_redeemscript(&pair.world.params, &htlc.htlc);
        assert_eq!(output(htlc.vout).script_pubkey, script.to_p2wsh());
    }
}

#[test]
fn commitment_and_htlc_txs_random_channels_same_bytes() {
    seeded::check(4_000, case(12), |case| same_commitment(&case));
}

#[test]
fn commitment_and_htlc_txs_many_htlcs_same_bytes() {
    seeded::check(25, case(480), |case| same_commitment(&case));
}

/// A channel whose counterparty is LDK's signer.
fn with_ldk_signer(case: &Case, spec: &CommitmentSpec) -> (Pair, lightning::sign::InMemorySigner) {
    let mut pair = case.pair(spec);
    let keys = KeysManager::new(&pair.world.holder.seed, case.tag, 0, true);
    let signer = keys.derive_channel_keys(&pair.world.counterparty.seed);
    let public = signer.pubkeys(&Secp256k1::new());
    pair.world.params.counterparty.keys = ChannelPublicKeys {
        funding: public.funding_pubkey,
        revocation_basepoint: public.revocation_basepoint.0,
        payment_basepoint: public.payment_point,
        delayed_payment_basepoint: public.delayed_payment_basepoint.0,
        htlc_basepoint: public.htlc_basepoint.0,
    };
    pair.ldk = ldk_params(&pair.world.params, Side::Holder);
    (pair, signer)
}

#[test]
fn validate_tx_signatures_of_ldk_accepted() {
    seeded::check(300, case(12), |mut case| {
        case.holder_broadcasts = true;
        let spec = case.spec();
        let (pair, signer) = with_ldk_signer(&case, &spec);
        let params = &pair.world.params;
        let point = pair.world.holder.point(case.number);
        let Ok(ours) = create_commitment_tx(params, Side::Holder, case.number, &point, &spec)
        else {
            return;
        };
        let theirs = ldk_commitment(&case, &spec, &pair);
        let view = ldk_params(params, Side::Counterparty);
        let secp = Secp256k1::new();
        let (signature, htlcs) = signer
            .sign_counterparty_commitment(&view, &theirs, vec![], vec![], &secp)
            .unwrap();
        let valid = validate_tx(ours, params, signature, htlcs, &Secp).unwrap();
        assert_eq!(*valid.signature(), signature);
    });
}

fn arbitrary_key() -> impl Strategy<Value = SecretKey> {
    any::<[u8; 32]>().prop_filter_map("a secret key", |bytes| SecretKey::from_slice(&bytes).ok())
}

#[test]
fn keys_random_secrets_same_derivation() {
    seeded::check(
        2_000,
        [arbitrary_key(), arbitrary_key()],
        |[base, secret]| {
            let secp = Secp256k1::new();
            let (basepoint, point) = (base.public_key(&secp), secret.public_key(&secp));
            let keys = TxCreationKeys::derive_new(
                &secp,
                &point,
                &DelayedPaymentBasepoint(basepoint),
                &HtlcBasepoint(basepoint),
                &RevocationBasepoint(basepoint),
                &HtlcBasepoint(basepoint),
            );
            let public = derive_public_key(&basepoint, &point);
            assert_eq!(public, keys.broadcaster_htlc_key.to_public_key());
            assert_eq!(public, keys.broadcaster_delayed_payment_key.to_public_key());
            let revocation = derive_revocation_public_key(&basepoint, &point);
            assert_eq!(revocation, keys.revocation_key.to_public_key());

            let private = derive_private_key(&base, &point);
            assert_eq!(
                private,
                chan_utils::derive_private_key(&secp, &point, &base)
            );
            assert_eq!(private.public_key(&secp), public);
            let private = derive_revocation_private_key(&base, &secret);
            let theirs = chan_utils::derive_private_revocation_key(&secp, &secret, &base);
            assert_eq!(private, theirs);
            assert_eq!(private.public_key(&secp), revocation);
        },
    );
}

#[test]
fn secrets_random_seeds_and_numbers_same_secret() {
    let number = prop_oneof![0..FIRST, 0..1_000u64, Just(0), Just(FIRST - 1)];
    seeded::check(2_000, (any::<[u8; 32]>(), number), |(seed, number)| {
        let theirs = chan_utils::build_commitment_secret(&seed, FIRST - number);
        assert_eq!(commitment_secret_from_seed(&seed, number), theirs);
    });
}

#[test]
fn secret_store_random_sequences_same_contents_and_refusals() {
    let strategy = (
        any::<[u8; 32]>(),
        1..400u64,
        proptest::option::of(0..400u64),
    );
    seeded::check(150, strategy, |(seed, count, corrupted)| {
        let mut ours = SecretStore::new();
        let mut theirs = CounterpartyCommitmentSecrets::new();
        for number in 0..count {
            let mut secret = commitment_secret_from_seed(&seed, number);
            if corrupted == Some(number) {
                secret[31] ^= 1;
            }
            let accepted = theirs.provide_secret(FIRST - number, secret);
            assert_eq!(ours.insert(number, secret).is_ok(), accepted.is_ok());
            if accepted.is_err() {
                break;
            }
        }
        for number in 0..ours.len() {
            assert_eq!(ours.get(number), theirs.get_secret(FIRST - number));
        }
        assert_eq!(ours.get(ours.len()), None);
        let bytes = serde_json::to_vec(&ours).unwrap();
        assert_eq!(serde_json::from_slice::<SecretStore>(&bytes).unwrap(), ours);
    });
}

#[test]
fn closing_tx_random_balances_and_scripts_same_bytes() {
    let scripts = [any::<[u8; 20]>(), any::<[u8; 20]>()];
    let amounts = (
        prop_oneof![0..3_000u64, 0..10_000_000u64],
        prop_oneof![0..3_000u64, 0..10_000_000u64],
        0..3_000u64,
        0..1_000u64,
    );
    let flags = (any::<bool>(), any::<bool>());
    seeded::check(
        2_000,
        (scripts, amounts, flags),
        |(hashes, amounts, flags)| {
            let (to_holder, to_counterparty, fee, msat) = amounts;
            let (holder_opened, wide) = flags;
            let mut world = World::new(CommitmentFormat::Anchors, 9);
            let params = &mut world.params;
            params.opener = side(holder_opened);
            // One fraction of a satoshi on each side, so that they make the capacity whole.
            params.capacity = Amount::from_sat(to_holder + to_counterparty + u64::from(msat > 0));
            let script = |hash: [u8; 20], wide: bool| {
                let script = ScriptBuf::new_p2wpkh(&WPubkeyHash::from_byte_array(hash));
                if wide {
                    script.to_p2wsh()
                } else {
                    script
                }
            };
            let scripts = [script(hashes[0], wide), script(hashes[1], !wide)];
            let ours = create_closing_tx(
                params,
                Msat::new(to_holder * 1_000 + msat),
                Msat::new(to_counterparty * 1_000 + (1_000 - msat) % 1_000),
                scripts[0].clone(),
                scripts[1].clone(),
                Amount::from_sat(fee),
            );
            let costs = if holder_opened { [fee, 0] } else { [0, fee] };
            let left = |sat: u64, cost: u64| sat.checked_sub(cost);
            let (Some(a), Some(b)) = (left(to_holder, costs[0]), left(to_counterparty, costs[1]))
            else {
                assert!(matches!(ours, Err(TxError::FeeExceedsBalance { .. })));
                return;
            };
            let keep = |sat: u64| if sat < 354 { 0 } else { sat };
            if keep(a) + keep(b) == 0 {
                assert_eq!(ours, Err(TxError::NoOutputs));
                return;
            }
            let [first, second] = scripts;
            let theirs = ClosingTransaction::new(keep(a), keep(b), first, second, params.funding);
            let trusted = theirs.trust();
            let ours = ours.unwrap();
            assert_eq!(serialize(ours.tx()), serialize(trusted.built_transaction()));
            let redeemscript = chan_utils::make_funding_redeemscript(
                &params.holder.keys.funding,
                &params.counterparty.keys.funding,
            );
            let digest = trusted.get_sighash_all(&redeemscript, params.capacity.to_sat());
            assert_eq!(ours.sighash(params), digest);
        },
    );
}
