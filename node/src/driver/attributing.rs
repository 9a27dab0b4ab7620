//! Attribution data (BOLT 4, "Returning Errors" and "Hold times for successful payments"): what this node adds beside the end
//! of an HTLC, and what it reads beside the ends of its own.
//!
//! It is never waited for. What leaves is in the ledger with the step that it leaves with; what comes beside a preimage is
//! kept in this process only, for the claim that follows at once. After a crash between the two this node begins anew, as
//! BOLT 4 has it where nothing came.

use zarnitsa_channel::command::LocalCommand;
use zarnitsa_channel::ids::{ChannelId, HtlcId, PaymentPreimage};
use zarnitsa_channel::message::PeerMessage;
use zarnitsa_peer::onion::{self, Attribution};
use zarnitsa_service::Attachment;

use super::forwarding::{can_still_be_failed, Name};
use super::htlcs::Received;
use super::sending::Part;
use super::step::{Step, Todo};
use super::Driver;

/// What a node knows of the way behind it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Behind<'a> {
    /// What came from there, where anything did.
    pub beside: Option<&'a Attribution>,
    /// For how many tenths of a second the HTLC was here; 0 where nobody has looked at the clock, and at the payee.
    pub held: u32,
}

impl Driver {
    /// What travels beside `message`, which is a failure as it leaves, or nothing beside a preimage. Empty: nothing does.
    pub(super) fn attribution(
        &self,
        received: &Received,
        behind: Behind<'_>,
        message: &[u8],
    ) -> Vec<u8> {
        // BOLT 2, update_fulfill_htlc: within a blinded path nobody says for how long.
        if received.path_key.is_some() {
            return Vec::new();
        }
        let secret = onion::shared_secret(&self.shared.node_signer, &received.onion);
        secret.map_or_else(Vec::new, |secret| {
            let made = onion::attribute(&secret, behind.beside, message, behind.held);
            made.as_bytes().to_vec()
        })
    }

    /// Claims an HTLC in. Where that is not said to the peer any more, but done on chain, nothing travels with it.
    pub(super) fn claim(
        &self,
        (id, htlc): Name,
        preimage: PaymentPreimage,
        behind: Behind<'_>,
    ) -> Todo {
        let live = self.channels.get(&id);
        let is_said = live.is_some_and(|live| can_still_be_failed(&live.machine, htlc));
        let received = is_said.then(|| self.received(id, htlc)).flatten();
        let attribution = received.map_or_else(Vec::new, |received| {
            self.attribution(&received, behind, &[])
        });
        let command = LocalCommand::FulfillHtlc { id: htlc, preimage };
        let step = Step {
            attachment: Attachment {
                attribution,
                ..Attachment::default()
            },
            ..Step::local(command)
        };
        Todo::new(id, step)
    }

    /// Takes what came beside a preimage, which the ledger has no use for. Gives back what came beside a failure.
    pub(super) fn keep_attribution(
        &mut self,
        id: ChannelId,
        message: &PeerMessage,
        attribution: Vec<u8>,
    ) -> Vec<u8> {
        let PeerMessage::UpdateFulfillHtlc { id: htlc, .. } = message else {
            return attribution;
        };
        if let Some(came) = Attribution::from_bytes(&attribution) {
            let name: (ChannelId, HtlcId) = (id, *htlc);
            match self.sendings.parts.get_mut(&name) {
                Some(part) => part.attribution = Some(came),
                None => self.links.came_with(name, came),
            }
        }
        Vec::new()
    }

    /// Tells how long the nodes on its way held a part that has paid, as far as they prove it. The payment does not wait
    /// for that, nor does the driver.
    pub(super) fn tell_held(&self, part: &mut Part) {
        let Some(came) = part.attribution.take() else {
            return;
        };
        let Some(sending) = self.sendings.payments.get(&part.hash) else {
            return;
        };
        let (hash, nodes) = (part.hash, part.nodes(sending.payee));
        let key = self
            .shared
            .signer
            .onion_session_key(&part.route.session_nonce);
        tokio::task::spawn_blocking(move || {
            let Some(secrets) = onion::session_secrets(&key, &nodes) else {
                return;
            };
            let read = onion::read_attribution(&secrets, &[], &came, nodes.len());
            let (tenths, of) = (&read.held, nodes.len());
            tracing::info!(%hash, ?tenths, of, "how long each node held what has paid");
        });
    }
}
