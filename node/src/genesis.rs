//! What a node's ledger begins with, and how it is opened: the same at every start, or it would be another's ledger.

use std::sync::Arc;

use bitcoin::Amount;
use exonum::crypto::{KeyPair, PublicKey, Seed};
use exonum_rust_runtime::spec::{Deploy, Spec};
use zarnitsa_channel::amount::Msat;
use zarnitsa_ledger::{LedgerOptions, Services, Validator};
use zarnitsa_service::records::{AcceptFrom, AskPolicy, Config as Owner, Genesis, Policy};
use zarnitsa_service::{LightningService, Machines, MemoVerifier, INSTANCE_ID, INSTANCE_NAME};
use zarnitsa_signer::{LedgerSeeds, Signer};

use crate::api::Network;
use crate::config::PolicyConfig;

/// What makes the ledger's work faster, and may be shared with whoever does the same work beside it.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Signatures that were found valid.
    pub verifier: Arc<MemoVerifier>,
    /// Channel machines as they were written.
    pub machines: Arc<Machines>,
}

/// How the ledger is opened. `operator` may command on it; the signer's service key may report.
pub fn ledger_options(
    network: Network,
    operator: PublicKey,
    signer: &Signer,
    memory: Memory,
) -> LedgerOptions {
    let LedgerSeeds { consensus, service } = signer.ledger_keys();
    let validator = Validator {
        consensus: KeyPair::from_seed(&Seed::new(*consensus)),
        service: KeyPair::from_seed(&Seed::new(*service)),
    };
    let owner = Owner {
        operator_key: operator,
        node_key: validator.service.public_key(),
        node_id: signer.node_id(),
        network: network.name().into(),
    };
    LedgerOptions::new(validator, services(owner, memory))
}

/// The service `lightning` and its first state. The policy in it is the same for all nodes: settings may change
/// between two starts, the genesis may not. [`first_policy`] follows as a transaction.
fn services(owner: Owner, memory: Memory) -> Services {
    Services::new(move |builder, runtime| {
        let genesis = Genesis {
            config: owner.clone(),
            policy: Policy::user(),
        };
        let Memory { verifier, machines } = memory.clone();
        Spec::new(LightningService::new(verifier, machines))
            .with_instance(INSTANCE_ID, INSTANCE_NAME, genesis)
            .deploy(builder, runtime);
    })
}

/// The settings as the ledger's first policy; afterwards the ledger's own is what holds.
pub fn first_policy(settings: &PolicyConfig) -> Policy {
    Policy {
        accept_from: if settings.accept_channels {
            AcceptFrom::Anyone
        } else {
            AcceptFrom::Nobody
        },
        min_channel_sat: Amount::from_sat(settings.min_channel_sat),
        max_channel_sat: Amount::from_sat(settings.max_channel_sat),
        minimum_depth: settings.minimum_depth,
        to_self_delay: settings.to_self_delay,
        base_fee_msat: Msat::new(settings.base_fee_msat),
        fee_ppm: settings.fee_ppm,
        cltv_delta: settings.cltv_delta,
        forward: settings.forward,
        accept_keysend: settings.accept_keysend,
        asks: if settings.accept_asks {
            AskPolicy::hub()
        } else {
            AskPolicy::user()
        },
        ..Policy::hub()
    }
}
