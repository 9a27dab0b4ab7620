//! The scripts that a cooperative close may pay to (BOLT 2, shutdown).

use bitcoin::Script;

/// BOLT 2, shutdown: P2WPKH or P2WSH, or with option_shutdown_anysegwit, which this node always offers, a witness
/// program of version 1 to 16 with 2 to 40 bytes.
pub fn is_valid_shutdown_script(script: &Script) -> bool {
    if script.is_p2wpkh() || script.is_p2wsh() {
        return true;
    }
    match script.as_bytes() {
        // OP_1 to OP_16, then one push of everything that follows.
        [0x51..=0x60, length @ 2..=40, program @ ..] => program.len() == usize::from(*length),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::ScriptBuf;

    use super::is_valid_shutdown_script;

    fn valid(bytes: &[u8]) -> bool {
        is_valid_shutdown_script(&ScriptBuf::from_bytes(bytes.to_vec()))
    }

    fn program(version: u8, length: u8) -> Vec<u8> {
        let mut bytes = vec![version, length];
        bytes.extend(vec![7; usize::from(length)]);
        bytes
    }

    #[test]
    fn shutdown_script_of_each_standard_form_is_valid() {
        assert!(valid(&program(0, 20)));
        assert!(valid(&program(0, 32)));
        assert!(valid(&program(0x51, 32)));
        assert!(valid(&program(0x51, 2)));
        assert!(valid(&program(0x60, 40)));
    }

    #[test]
    fn shutdown_script_of_other_forms_is_refused() {
        assert!(!valid(&[]));
        assert!(!valid(&program(0, 33)));
        assert!(!valid(&program(0x51, 1)));
        assert!(!valid(&program(0x51, 41)));
        assert!(!valid(&program(0x61, 32)));
        assert!(!valid(&[0x51, 32, 1]));
        // P2PKH, P2SH and OP_RETURN.
        assert!(!valid(
            &[&[0x76, 0xa9, 20][..], &[1; 20], &[0x88, 0xac]].concat()
        ));
        assert!(!valid(&[&[0xa9, 20][..], &[1; 20], &[0x87]].concat()));
        assert!(!valid(&[0x6a, 6, 1, 2, 3, 4, 5, 6]));
    }
}
