//! What this node says of itself in `init` (BOLT 9).

use lightning::types::features::{InitFeatures, NodeFeatures};

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
    features
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
    features
}

#[cfg(test)]
mod tests {
    use super::init_features;

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
}
