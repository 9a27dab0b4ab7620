//! Generates the protobuf types of `../proto`.

use exonum_build::ProtobufGenerator;

const PROTO_DIR: &str = "../proto";

fn main() {
    // exonum-build does not say what it reads: without this line a changed schema would not be noticed.
    println!("cargo:rerun-if-changed={PROTO_DIR}");
    ProtobufGenerator::with_mod_name("lightning_proto.rs")
        .with_input_dir(PROTO_DIR)
        .with_crypto()
        .generate();
}
