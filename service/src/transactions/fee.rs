//! update_fee.

use super::step::step_argument;

step_argument! {
    /// update_fee, sent by this node or received from the peer.
    FeeUpdate in convert
}

mod convert {
    use anyhow::Result;
    use zarnitsa_channel::command::{Command, LocalCommand};
    use zarnitsa_channel::message::PeerMessage;
    use zarnitsa_channel::params::Side;

    use crate::proto;
    use crate::transactions::step::peer;
    use crate::wire::Wire;

    pub(super) fn to_pb(command: &Command) -> Option<proto::FeeUpdate> {
        let (by, feerate_per_kw) = match command {
            Command::Local(LocalCommand::UpdateFee { feerate_per_kw }) => {
                (Side::Holder, *feerate_per_kw)
            }
            Command::Peer {
                message: PeerMessage::UpdateFee { feerate_per_kw },
                ..
            } => (Side::Counterparty, *feerate_per_kw),
            _ => return None,
        };
        let mut pb = proto::FeeUpdate::new();
        pb.set_by(by.to_pb());
        pb.set_feerate_per_kw(feerate_per_kw);
        Some(pb)
    }

    pub(super) fn from_pb(pb: proto::FeeUpdate) -> Result<Command> {
        let feerate_per_kw = pb.get_feerate_per_kw();
        Ok(match Side::from_pb(pb.get_by())? {
            Side::Holder => Command::Local(LocalCommand::UpdateFee { feerate_per_kw }),
            Side::Counterparty => peer(PeerMessage::UpdateFee { feerate_per_kw }),
        })
    }
}
