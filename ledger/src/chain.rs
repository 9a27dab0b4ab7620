//! The Exonum chain itself: made from genesis or taken up again. Its HTTP server is never started.

use std::{
    panic::{catch_unwind, AssertUnwindSafe},
    sync::Arc,
};

use exonum::{
    blockchain::{ApiSender, Blockchain, BlockchainBuilder, BlockchainMut},
    crypto::KeyPair,
};
use exonum_merkledb::Database;
use futures::channel::mpsc;

use crate::{
    error::{panic_text, OpenError},
    options::{Services, ValidatorPublic},
};

/// Builds the chain over `db`: from genesis when the database is empty, else from its newest block.
///
/// # Errors
///
/// [`OpenError::Chain`] with the text of Exonum's panic, which is how it reports unreadable data, an artifact that is
/// not there, and a service that refuses its genesis.
pub(crate) fn build(
    db: Arc<dyn Database>,
    services: &Services,
    validator: ValidatorPublic,
    service_keys: KeyPair,
) -> Result<BlockchainMut, OpenError> {
    let build = || {
        let (genesis, runtime) = services.deploy(validator);
        // No HTTP endpoints: their receiver is gone from the start, which the runtime takes for "nobody listens".
        let (endpoints, _) = mpsc::channel(1);
        let chain = Blockchain::new(db, service_keys, ApiSender::closed());
        BlockchainBuilder::new(chain)
            .with_genesis_config(genesis)
            .with_runtime(runtime.build(endpoints))
            .build()
    };
    catch_unwind(AssertUnwindSafe(build)).map_err(|payload| OpenError::Chain {
        reason: panic_text(payload.as_ref()),
    })
}
