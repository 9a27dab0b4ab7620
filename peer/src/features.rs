//! What this node says of itself in `init` (BOLT 9).

use lightning::types::features::{Bolt11InvoiceFeatures, InitFeatures, NodeFeatures};

/// BOLT 9, option_attribution_data: optional. LDK carries it out, and has no name for it.
const ATTRIBUTION_DATA: usize = 37;
const ATTRIBUTION_BYTE: usize = ATTRIBUTION_DATA / 8;
const ATTRIBUTION_FLAG: u8 = 1 << (ATTRIBUTION_DATA % 8);

/// Flags as LDK reads them, the lowest first.
fn attribution_flags() -> Vec<u8> {
    let mut flags = vec![0; ATTRIBUTION_BYTE + 1];
    flags[ATTRIBUTION_BYTE] = ATTRIBUTION_FLAG;
    flags
}

/// Whether option_attribution_data is among a peer's features, be it as what it can do or as what it insists on.
pub fn supports_attribution_data(features: &InitFeatures) -> bool {
    let either = ATTRIBUTION_FLAG | ATTRIBUTION_FLAG >> 1;
    let byte = features.le_flags().get(ATTRIBUTION_BYTE);
    byte.is_some_and(|byte| byte & either != 0)
}

/// What this node's invoices offer beyond what LDK's builder of invoices knows.
pub fn set_attribution_data_optional(features: &mut Bolt11InvoiceFeatures) {
    *features |= Bolt11InvoiceFeatures::from_le_bytes(attribution_flags());
}

/// The features that the node's parts together carry out.
///
/// static_remotekey is required: no older commitment format is known here. Everything else is offered.
pub fn init_features() -> InitFeatures {
    let mut features = InitFeatures::empty();
    features.set_data_loss_protect_optional();
    features.set_upfront_shutdown_script_optional();
    features.set_variable_length_onion_required();
    features.set_route_blinding_optional();
    features.set_static_remote_key_required();
    features.set_payment_secret_required();
    features.set_basic_mpp_optional();
    features.set_anchors_zero_fee_htlc_tx_optional();
    features.set_shutdown_any_segwit_optional();
    features.set_channel_type_optional();
    features.set_scid_privacy_optional();
    features.set_zero_conf_optional();
    features.set_provide_storage_optional();
    features | InitFeatures::from_le_bytes(attribution_flags())
}

/// The same for node_announcement: what BOLT 9 has in both, and keysend, which is told only there.
pub fn node_features() -> NodeFeatures {
    let mut features = NodeFeatures::empty();
    features.set_data_loss_protect_optional();
    features.set_upfront_shutdown_script_optional();
    features.set_variable_length_onion_required();
    features.set_route_blinding_optional();
    features.set_static_remote_key_required();
    features.set_payment_secret_required();
    features.set_basic_mpp_optional();
    features.set_anchors_zero_fee_htlc_tx_optional();
    features.set_shutdown_any_segwit_optional();
    features.set_channel_type_optional();
    features.set_scid_privacy_optional();
    features.set_zero_conf_optional();
    features.set_provide_storage_optional();
    features.set_keysend_optional();
    features | NodeFeatures::from_le_bytes(attribution_flags())
}

#[cfg(test)]
mod tests {
    use lightning::types::features::{Bolt11InvoiceFeatures, InitFeatures};

    use super::{
        init_features, node_features, set_attribution_data_optional, supports_attribution_data,
    };

    #[test]
    fn init_features_static_remotekey_is_required() {
        let features = init_features();
        assert!(features.requires_static_remote_key());
        assert!(features.supports_anchors_zero_fee_htlc_tx());
        assert!(!features.requires_anchors_zero_fee_htlc_tx());
        assert!(features.supports_channel_type());
        assert!(features.supports_provide_storage());
        assert!(!features.supports_splicing());
    }

    #[test]
    fn attribution_data_is_offered_wherever_bolt_9_has_it_and_never_required() {
        let mut of_invoice = Bolt11InvoiceFeatures::empty();
        of_invoice.set_basic_mpp_optional();
        set_attribution_data_optional(&mut of_invoice);
        assert!(of_invoice.supports_basic_mpp());
        let all = [
            init_features().le_flags().to_vec(),
            node_features().le_flags().to_vec(),
            of_invoice.le_flags().to_vec(),
        ];
        for flags in all {
            // Bits 36 and 37 of BOLT 9, the lowest byte first.
            assert_eq!(flags[4] & 0b0011_0000, 0b0010_0000);
        }
        assert!(!init_features().requires_unknown_bits());
        assert!(supports_attribution_data(&init_features()));
        assert!(!supports_attribution_data(&InitFeatures::empty()));
        let required = InitFeatures::from_le_bytes(vec![0, 0, 0, 0, 0b0001_0000]);
        assert!(supports_attribution_data(&required));
    }
}
