//! A small service to run on the ledger: it counts notes and keeps them, refuses some and panics over others.

use std::path::Path;

use exonum::{
    crypto::{hash, Hash, KeyPair, Seed, SEED_LENGTH},
    merkledb::{access::Access, MapIndex, ProofListIndex, ProofMapIndex, Snapshot},
    messages::{AnyTx, Verified},
    runtime::{ExecutionError, SnapshotExt},
};
use exonum_derive::{
    exonum_interface, interface_method, ExecutionFail, FromAccess, ServiceDispatcher,
    ServiceFactory,
};
use exonum_merkledb::access::FromAccess as _;
use exonum_rust_runtime::{
    spec::{Deploy, Spec},
    ExecutionContext, Service,
};
use zarnitsa_ledger::{Ledger, LedgerOptions, Services, Validator};

pub const TALLY: u32 = 7;

#[derive(Debug, FromAccess)]
pub struct Schema<T: Access> {
    /// Every note, in order.
    pub notes: ProofListIndex<T::Base, Vec<u8>>,
    /// Notes by the hash of their text.
    pub by_hash: ProofMapIndex<T::Base, Hash, u64>,
    /// Not authenticated: in no state hash.
    pub sizes: MapIndex<T::Base, Hash, u64>,
}

impl<T: Access> Schema<T> {
    pub fn new(access: T) -> Self {
        Self::from_root(access).unwrap()
    }
}

#[derive(Debug, Clone, Copy, ExecutionFail)]
pub enum Error {
    /// The note was refused.
    Refused = 3,
}

#[exonum_interface]
pub trait Tally<Ctx> {
    type Output;
    #[interface_method(id = 0)]
    fn note(&self, ctx: Ctx, note: Vec<u8>) -> Self::Output;
    #[interface_method(id = 1)]
    fn refused_note(&self, ctx: Ctx, note: Vec<u8>) -> Self::Output;
    #[interface_method(id = 2)]
    fn panicking_note(&self, ctx: Ctx, note: Vec<u8>) -> Self::Output;
}

#[derive(Debug, Clone, ServiceFactory, ServiceDispatcher)]
#[service_dispatcher(implements("Tally"))]
#[service_factory(artifact_name = "tally", artifact_version = "1.0.0")]
pub struct TallyService;

impl Tally<ExecutionContext<'_>> for TallyService {
    type Output = Result<(), ExecutionError>;

    fn note(&self, context: ExecutionContext<'_>, note: Vec<u8>) -> Self::Output {
        let mut schema = Schema::new(context.service_data());
        let (hash, size) = (hash(&note), note.len() as u64);
        schema.notes.push(note);
        let count = schema.notes.len();
        schema.by_hash.put(&hash, count);
        schema.sizes.put(&hash, size);
        Ok(())
    }

    fn refused_note(&self, context: ExecutionContext<'_>, note: Vec<u8>) -> Self::Output {
        self.note(context, note)?;
        Err(Error::Refused.into())
    }

    fn panicking_note(&self, context: ExecutionContext<'_>, note: Vec<u8>) -> Self::Output {
        self.note(context, note)?;
        panic!("on purpose");
    }
}

impl Service for TallyService {
    fn initialize(&self, context: ExecutionContext<'_>, _: Vec<u8>) -> Result<(), ExecutionError> {
        Schema::new(context.service_data());
        Ok(())
    }
}

/// Fixed keys, so that a ledger can be opened again.
pub fn validator(seed: u8) -> Validator {
    let key = |tag: u8| {
        let mut bytes = [seed; SEED_LENGTH];
        bytes[0] = tag;
        KeyPair::from_seed(&Seed::new(bytes))
    };
    Validator {
        consensus: key(1),
        service: key(2),
    }
}

/// The service with a constructor argument, which it ignores but the genesis does not.
pub fn services(parameter: u64) -> Services {
    Services::new(move |genesis, runtime| {
        Spec::new(TallyService)
            .with_instance(TALLY, "tally", parameter)
            .deploy(genesis, runtime);
    })
}

pub fn options() -> LedgerOptions {
    LedgerOptions::new(validator(1), services(0))
}

pub fn open(path: &Path) -> Ledger {
    Ledger::open(path, options()).unwrap()
}

pub fn author() -> KeyPair {
    KeyPair::from_seed(&Seed::new([9; SEED_LENGTH]))
}

pub fn note(text: impl AsRef<[u8]>) -> Verified<AnyTx> {
    author().note(TALLY, text.as_ref().to_vec())
}

pub fn refused_note(text: impl AsRef<[u8]>) -> Verified<AnyTx> {
    author().refused_note(TALLY, text.as_ref().to_vec())
}

pub fn panicking_note(text: impl AsRef<[u8]>) -> Verified<AnyTx> {
    author().panicking_note(TALLY, text.as_ref().to_vec())
}

/// All notes in a snapshot.
pub fn notes(snapshot: &dyn Snapshot) -> Vec<Vec<u8>> {
    let schema = Schema::new(snapshot.for_service(TALLY).unwrap());
    let notes = schema.notes.iter().collect();
    notes
}
