//! node_announcement that comes before its node's first channel. BOLT 7 has it ignored then, but whoever said it does not
//! say it again on that connection: it is kept until the channel is here, or another takes its place.

use std::collections::{HashMap, VecDeque};

use lightning::ln::msgs::{ErrorAction, LightningError, MessageSendEvent, NodeAnnouncement};
use lightning::routing::gossip::NodeId;
use lightning::util::ser::Writeable;

use crate::routing::Graph;

/// Nodes that may wait. Anybody can make keys, so a stranger can drive others out: then it is as if none were kept.
const NODES: usize = 512;
/// One that is longer is not kept. An alias and a few addresses have room.
const BYTES: usize = 1_024;

/// The newest of each node.
#[derive(Debug, Default)]
pub(super) struct Early {
    waiting: HashMap<NodeId, NodeAnnouncement>,
    /// In the order in which they came.
    order: VecDeque<NodeId>,
    /// The graph may have channels that it had not.
    grown: bool,
}

impl Early {
    /// Keeps one that LDK has refused for want of a channel. Its signature is verified by then.
    pub(super) fn keep(&mut self, message: &NodeAnnouncement, refused: &LightningError) {
        let contents = &message.contents;
        let is_early = matches!(refused.action, ErrorAction::IgnoreError);
        if !is_early || message.serialized_length() > BYTES {
            return;
        }
        match self.waiting.get(&contents.node_id) {
            Some(known) if known.contents.timestamp >= contents.timestamp => return,
            Some(_) => {}
            None => {
                if self.order.len() >= NODES {
                    if let Some(oldest) = self.order.pop_front() {
                        self.waiting.remove(&oldest);
                    }
                }
                self.order.push_back(contents.node_id);
            }
        }
        self.waiting.insert(contents.node_id, message.clone());
    }

    /// A channel came into the graph, or may have.
    pub(super) fn graph_grew(&mut self) {
        self.grown = true;
    }

    /// Those whose nodes have channels now. LDK takes each as if it came from this node, and passes it on.
    pub(super) fn due(&mut self, graph: &Graph) -> Vec<MessageSendEvent> {
        if !std::mem::take(&mut self.grown) || self.waiting.is_empty() {
            return Vec::new();
        }
        let graph = graph.read_only();
        let is_known = |id: &NodeId| graph.nodes().get(id).is_some();
        let (known, others) = self.order.drain(..).partition(is_known);
        self.order = others;
        let known: VecDeque<NodeId> = known;
        let messages = known.iter().filter_map(|id| self.waiting.remove(id));
        messages
            .map(|msg| MessageSendEvent::BroadcastNodeAnnouncement { msg })
            .collect()
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize) {
        (self.waiting.len(), self.order.len())
    }
}
