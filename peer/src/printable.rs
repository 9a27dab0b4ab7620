//! Text that a peer chose, made harmless before a person or a log sees it.

/// More of a peer's text than this is never kept.
const MAX_CHARS: usize = 1_024;

/// `text` without control characters, line breaks and the Unicode characters that reorder or hide text, and no
/// longer than 1,024 characters. What is taken out leaves U+FFFD behind, so that it can be seen that something was.
pub fn printable(text: &str) -> String {
    let mut cleaned: String = text
        .chars()
        .take(MAX_CHARS)
        .map(|c| {
            if is_deceptive(c) {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        cleaned.push('…');
    }
    cleaned
}

/// Control characters, the line and paragraph separators, and the invisible format characters among which are
/// all those that change the direction of text (Unicode's categories Cc, Zl, Zp, and Cf, and its tag and
/// private-use blocks).
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{070f}' | '\u{180e}' | '\u{feff}'
            | '\u{0600}'..='\u{0605}' | '\u{06dd}' | '\u{0890}'..='\u{0891}' | '\u{08e2}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn printable_ordinary_text_is_left_alone() {
        assert_eq!(printable("зарница ⚡ \"ok\" {1}"), "зарница ⚡ \"ok\" {1}");
    }

    #[test]
    fn printable_control_and_bidi_characters_are_replaced() {
        let dirty = "a\u{1b}[31mb\nc\u{202e}d\u{2066}e\u{200f}f\u{2028}g\u{0}h\u{e0041}i";
        let clean = printable(dirty);
        assert_eq!(
            clean,
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}f\u{fffd}g\u{fffd}h\u{fffd}i"
        );
    }

    #[test]
    fn printable_long_text_is_cut() {
        assert_eq!(printable(&"x".repeat(65_000)).chars().count(), 1_025);
        assert_eq!(printable(&"x".repeat(1_024)).chars().count(), 1_024);
    }
}
