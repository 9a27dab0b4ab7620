//! What a source file may be called, how long it may be and what it may not say.

use std::path::Path;

/// Lines of a Rust file without its inline tests.
const RUST_CAP: usize = 800;
/// Lines of a file of tests, or of the inline tests of a file.
const TESTS_CAP: usize = 1000;
/// Lines of a TypeScript file, with or without JSX.
const TYPESCRIPT_CAP: usize = 300;
/// Lines of a TypeScript test.
const TYPESCRIPT_TESTS_CAP: usize = 600;

/// Names that say nothing of what lives there.
const EMPTY_NAMES: [&str; 7] = [
    "utils", "util", "common", "helpers", "helper", "misc", "lib2",
];

/// Size lints have no exceptions: a function that is too long is cut, not excused.
const NEVER_ALLOWED: [&str; 4] = [
    "too_many_lines",
    "too_many_arguments",
    "cognitive_complexity",
    "unsafe_code",
];

// Each phrase is put together here, so that this file does not hold what it forbids.
/// Marks of unfinished or silenced work, in any source.
const UNFINISHED: [&str; 8] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("#[", "ignore"),
    concat!("as ", "any;"),
    concat!("@ts-", "ignore"),
    concat!("describe", ".only("),
];

/// What waits for a time instead of a condition.
const SLEEPS: [&str; 2] = [concat!("thread::", "sleep"), concat!("time::", "sleep(")];

/// What the pure channel crate may not touch.
const IMPURE: [&str; 7] = [
    "std::fs",
    "std::net",
    "std::env",
    "SystemTime",
    "Instant::now",
    "tokio::",
    "rand::thread_rng",
];

/// Hashes whose collisions a stranger can make: the keys of maps are what peers say. The standard library's are keyed by the system's
/// randomness.
const GUESSABLE_HASHES: [&str; 6] = [
    concat!("Fx", "Hash"),
    concat!("Fnv", "Hash"),
    concat!("a", "hash::"),
    concat!("no", "hash"),
    concat!("with_", "hasher"),
    concat!("Build", "Hasher"),
];

/// Complaints about a file's name.
pub fn check_path(path: &Path) -> Vec<String> {
    path.iter()
        .filter_map(|part| Path::new(part).file_stem().and_then(|stem| stem.to_str()))
        .filter(|stem| EMPTY_NAMES.contains(stem))
        .map(|stem| {
            format!(
                "{}: `{stem}` says nothing of what lives there",
                path.display()
            )
        })
        .collect()
}

/// Complaints about a file's text.
pub fn check_text(path: &Path, text: &str) -> Vec<String> {
    let file = Source::new(path, text);
    let mut complaints = file.lengths();
    complaints.extend(file.words());
    if file.kind == "rs" {
        complaints.extend(file.exceptions());
        complaints.extend(file.purity());
        complaints.extend(file.hashes());
    }
    complaints
}

struct Source<'a> {
    path: &'a Path,
    kind: &'a str,
    lines: Vec<&'a str>,
    /// The first line of the inline tests; the number of lines where there are none.
    tests_from: usize,
    is_test: bool,
}

impl<'a> Source<'a> {
    fn new(path: &'a Path, text: &'a str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let kind = path
            .extension()
            .and_then(|kind| kind.to_str())
            .unwrap_or_default();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let is_test = path.iter().any(|part| part == "tests" || part == "benches")
            || name == "tests.rs"
            || name.ends_with("_tests.rs")
            || name.contains(".test.");
        let inline = lines.windows(2).position(|pair| {
            pair[0].trim() == "#[cfg(test)]"
                && pair[1].trim_start().starts_with("mod ")
                && pair[1].trim_end().ends_with('{')
        });
        let tests_from = inline.unwrap_or(lines.len());
        Self {
            path,
            kind,
            lines,
            tests_from,
            is_test,
        }
    }

    fn complain(&self, line: usize, what: &str) -> String {
        format!("{}:{}: {what}", self.path.display(), line + 1)
    }

    fn lengths(&self) -> Vec<String> {
        let (code_cap, tests_cap) = match (self.kind, self.is_test) {
            ("rs", false) => (RUST_CAP, TESTS_CAP),
            ("rs", true) => (TESTS_CAP, TESTS_CAP),
            ("ts" | "tsx", false) => (TYPESCRIPT_CAP, TYPESCRIPT_CAP),
            ("ts" | "tsx", true) => (TYPESCRIPT_TESTS_CAP, TYPESCRIPT_TESTS_CAP),
            _ => return Vec::new(),
        };
        let (code, tests) = (self.tests_from, self.lines.len() - self.tests_from);
        let mut complaints = Vec::new();
        if code > code_cap {
            complaints
                .push(self.complain(code_cap, &format!("{code} lines, the cap is {code_cap}")));
        }
        if tests > tests_cap {
            let line = self.tests_from + tests_cap;
            complaints.push(self.complain(
                line,
                &format!("{tests} lines of tests, the cap is {tests_cap}"),
            ));
        }
        complaints
    }

    fn words(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (number, line) in self.lines.iter().enumerate() {
            for phrase in UNFINISHED.iter().filter(|phrase| line.contains(**phrase)) {
                complaints.push(self.complain(number, &format!("`{phrase}` is unfinished work")));
            }
            // The harness in tests/src polls conditions with a deadline; tests call it.
            let harness = self.path.starts_with("tests/src");
            if (self.is_test && !harness) || number >= self.tests_from {
                for phrase in SLEEPS.iter().filter(|phrase| line.contains(**phrase)) {
                    complaints.push(self.complain(
                        number,
                        &format!("`{phrase}` in a test: wait for a condition"),
                    ));
                }
            }
        }
        complaints
    }

    /// Every exception to a lint says why, above it or within.
    fn exceptions(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (number, line) in self.lines.iter().enumerate() {
            let start = line.trim_start();
            if !["#[allow(", "#![allow(", "#[expect(", "#![expect("]
                .iter()
                .any(|a| start.starts_with(a))
            {
                continue;
            }
            let attribute = attribute_text(&self.lines[number..]);
            for lint in NEVER_ALLOWED
                .iter()
                .filter(|lint| attribute.contains(**lint))
            {
                complaints.push(self.complain(number, &format!("`{lint}` has no exceptions")));
            }
            let above = self.lines[..number]
                .iter()
                .rev()
                .map(|line| line.trim_start())
                .find(|line| !line.starts_with("#["));
            let said_above = above.is_some_and(|line| {
                line.starts_with("//") && !line.starts_with("///") && !line.starts_with("//!")
            });
            if !said_above && !attribute.contains("reason =") && !attribute.contains("//") {
                complaints.push(self.complain(number, "an exception to a lint without its reason"));
            }
        }
        complaints
    }

    fn hashes(&self) -> Vec<String> {
        let all = self.lines.iter().enumerate();
        all.flat_map(|(number, line)| GUESSABLE_HASHES.iter().map(move |it| (number, line, it)))
            .filter(|(_, line, phrase)| line.contains(**phrase))
            .map(|(number, _, phrase)| {
                self.complain(
                    number,
                    &format!("`{phrase}`: strangers can make it collide"),
                )
            })
            .collect()
    }

    /// The channel machine is a function of its arguments.
    fn purity(&self) -> Vec<String> {
        if !self.path.starts_with("channel/src") || self.is_test {
            return Vec::new();
        }
        let code = self.lines[..self.tests_from].iter().enumerate();
        code.filter(|(_, line)| !line.trim_start().starts_with("//"))
            .flat_map(|(number, line)| IMPURE.iter().map(move |phrase| (number, line, phrase)))
            .filter(|(_, line, phrase)| line.contains(**phrase))
            .map(|(number, _, phrase)| {
                self.complain(number, &format!("`{phrase}` in the pure crate"))
            })
            .collect()
    }
}

/// The whole of an attribute that may go on over lines.
fn attribute_text(lines: &[&str]) -> String {
    let end = lines
        .iter()
        .position(|line| line.contains(")]"))
        .unwrap_or(0);
    lines[..=end].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> usize {
        check_text(Path::new(path), text).len()
    }

    #[test]
    fn path_with_an_empty_name_is_refused() {
        for path in [
            "node/src/utils.rs",
            "channel/src/common/mod.rs",
            "tests/src/helpers.rs",
        ] {
            assert_eq!(check_path(Path::new(path)).len(), 1, "{path}");
        }
        assert!(check_path(Path::new("channel/src/tx/opening.rs")).is_empty());
    }

    #[test]
    fn file_over_its_cap_is_refused_and_inline_tests_are_counted_apart() {
        let code = "fn f() {}\n".repeat(RUST_CAP);
        let tests = "\n#[cfg(test)]\nmod tests {\n".to_owned() + &"// line\n".repeat(TESTS_CAP - 3);
        assert_eq!(complaints("node/src/a.rs", &code), 0);
        assert_eq!(
            complaints("node/src/a.rs", &(code.clone() + "fn g() {}\n")),
            1
        );
        assert_eq!(
            complaints("node/src/a.rs", &(code[..7990].to_owned() + &tests)),
            0
        );
        assert_eq!(
            complaints(
                "node/src/a.rs",
                &("// x\n".repeat(9) + &tests + &"//\n".repeat(9))
            ),
            1
        );
        assert_eq!(
            complaints("tests/tests/a.rs", &"// x\n".repeat(TESTS_CAP + 1)),
            1
        );
        assert_eq!(
            complaints("frontend/src/a.tsx", &"// x\n".repeat(TYPESCRIPT_CAP + 1)),
            1
        );
    }

    #[test]
    fn unfinished_work_is_refused() {
        for phrase in UNFINISHED {
            assert_eq!(
                complaints("node/src/a.rs", &format!("fn f() {{}} // {phrase}\n")),
                1,
                "{phrase}"
            );
        }
    }

    #[test]
    fn sleeping_in_a_test_is_refused_and_polling_in_the_harness_is_not() {
        for sleep in SLEEPS {
            let line = format!("{sleep}(second);\n");
            assert_eq!(complaints("tests/tests/kill.rs", &line), 1);
            assert_eq!(
                complaints(
                    "node/src/a.rs",
                    &format!("#[cfg(test)]\nmod tests {{\n{line}}}")
                ),
                1
            );
            assert_eq!(complaints("node/src/a.rs", &line), 0);
            assert_eq!(complaints("tests/src/wait.rs", &line), 0);
        }
    }

    #[test]
    fn exception_without_its_reason_is_refused() {
        let rust = |text: &str| complaints("node/src/a.rs", text);
        assert_eq!(rust("#[allow(dead_code)]\nfn f() {}\n"), 1);
        assert_eq!(
            rust("/// Docs are no reason.\n#[allow(dead_code)]\nfn f() {}\n"),
            1
        );
        assert_eq!(
            rust("// The trait demands it.\n#[allow(dead_code)]\nfn f() {}\n"),
            0
        );
        assert_eq!(
            rust("// Why.\n#[cfg(unix)]\n#[allow(dead_code)]\nfn f() {}\n"),
            0
        );
        assert_eq!(
            rust("#[expect(dead_code, reason = \"why\")]\nfn f() {}\n"),
            0
        );
        assert_eq!(
            rust("#[allow(\n    dead_code,\n    reason = \"why\"\n)]\nfn f() {}\n"),
            0
        );
        for lint in NEVER_ALLOWED {
            assert_eq!(
                rust(&format!("// Why.\n#[allow({lint})]\nfn f() {{}}\n")),
                1,
                "{lint}"
            );
        }
    }

    #[test]
    fn map_whose_hash_a_stranger_can_guess_is_refused() {
        for phrase in GUESSABLE_HASHES {
            let line = format!("let x = {phrase}();\n");
            assert_eq!(complaints("peer/src/inbox.rs", &line), 1, "{phrase}");
        }
        let line = "let x: HashMap<u8, u8> = HashMap::new();\n";
        assert_eq!(complaints("peer/src/inbox.rs", line), 0);
    }

    #[test]
    fn clock_in_the_channel_machine_is_refused() {
        for phrase in IMPURE {
            let line = format!("let x = {phrase}();\n");
            assert_eq!(
                complaints("channel/src/state/normal.rs", &line),
                1,
                "{phrase}"
            );
            assert_eq!(complaints("node/src/driver/mod.rs", &line), 0, "{phrase}");
        }
    }
}
