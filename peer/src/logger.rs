//! LDK's log lines, handed to `tracing`.

use lightning::util::logger::{Level, Logger, Record};

use crate::printable;

/// Passes LDK's records on under the target `lightning`, cleaned of a peer's control characters.
///
/// Records of level trace and gossip stop here: they print whole messages, preimages and per-commitment secrets among them.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingLogger;

impl Logger for TracingLogger {
    fn log(&self, record: Record<'_>) {
        match record.level {
            Level::Gossip | Level::Trace => {}
            // What LDK tells of each connection is news only to whoever looks for a fault: a stranger who connects
            // again and again is not to fill the log.
            Level::Debug | Level::Info => {
                if tracing::enabled!(target: "lightning", tracing::Level::DEBUG) {
                    tracing::debug!(target: "lightning", module = record.module_path, peer = peer(&record), "{}", text(&record));
                }
            }
            Level::Warn => {
                tracing::warn!(target: "lightning", module = record.module_path, peer = peer(&record), "{}", text(&record));
            }
            Level::Error => {
                tracing::error!(target: "lightning", module = record.module_path, peer = peer(&record), "{}", text(&record));
            }
        }
    }
}

fn text(record: &Record<'_>) -> String {
    printable(&record.args.to_string())
}

fn peer(record: &Record<'_>) -> Option<String> {
    record.peer_id.map(|node_id| node_id.to_string())
}
