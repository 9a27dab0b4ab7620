//! What the README says must be so.

/// The words of the specification that the README's table must home.
const NAMES: [&str; 11] = [
    "create_opening_tx",
    "create_commitment_tx",
    "create_after_timelock_transaction",
    "validate_tx",
    "check_all_prev_tx",
    "is_it_tx_in_blockchain",
    "broadcast_tx",
    "send_transaction",
    "receive_transaction",
    "client_handler",
    "server_handler",
];

/// Each name has a row, and its function really is declared at the path that the row names.
pub fn check_names(readme: &str, read: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let rows: Vec<Vec<&str>> = readme.lines().filter_map(row).collect();
    NAMES
        .iter()
        .filter_map(|name| {
            let quoted = format!("`{name}`");
            let Some(cells) = rows.iter().find(|cells| cells[0] == quoted) else {
                return Some(format!("README: no row for {name}"));
            };
            let path = cells[cells.len() - 1].trim_matches('`');
            let Some(text) = read(path) else {
                return Some(format!(
                    "README: {name} is said to be in {path}, which is not there"
                ));
            };
            let is_module = name.ends_with("_handler") && path.ends_with(&format!("/{name}.rs"));
            if is_module || declares(&text, name) {
                None
            } else {
                Some(format!("README: {path} does not declare {name}"))
            }
        })
        .collect()
}

/// The folder table and the folders are the same set.
pub fn check_folders(readme: &str, folders: &[String]) -> Vec<String> {
    let named: Vec<String> = readme
        .lines()
        .filter_map(row)
        .filter_map(|cells| {
            cells[0]
                .strip_prefix('`')?
                .strip_suffix("/`")
                .map(str::to_owned)
        })
        .filter(|name| !name.contains('/'))
        .collect();
    let missing = named
        .iter()
        .filter(|name| !folders.contains(name))
        .map(|name| format!("README: no folder {name}/"));
    let unnamed = folders
        .iter()
        .filter(|name| !named.contains(name))
        .map(|name| format!("README: says nothing of {name}/"));
    missing.chain(unnamed).collect()
}

/// Links into the repository lead somewhere.
pub fn check_links(readme: &str, exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    readme
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.starts_with("http") && !target.starts_with('#'))
        .filter(|target| !exists(target.split('#').next().unwrap_or_default()))
        .map(|target| format!("README: the link to {target} leads nowhere"))
        .collect()
}

/// Each incident's row has a check in files that are there, and tests that are declared in the files that it names.
pub fn check_incidents(security: &str, read: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let rows: Vec<Vec<&str>> = security
        .lines()
        .skip_while(|line| !line.starts_with("| incident |"))
        .skip(2)
        .map_while(row)
        .collect();
    if rows.is_empty() {
        return vec!["SECURITY: there is no table of incidents".to_owned()];
    }
    rows.iter()
        .flat_map(|row| check_incident(row, read))
        .collect()
}

fn check_incident(row: &[&str], read: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let &[incident, check, test] = row else {
        return vec![format!("SECURITY: {row:?} has not three cells")];
    };
    let mut complaints = Vec::new();
    let mut complain = |what: String| complaints.push(format!("SECURITY: {incident}: {what}"));
    let in_files = |name: &&str| name.contains('/');
    for path in quoted(check)
        .filter(in_files)
        .chain(quoted(test).filter(in_files))
    {
        if read(path).is_none() {
            complain(format!("{path} is not there"));
        }
    }
    let mut at = String::new();
    let mut tests = 0;
    for name in quoted(test) {
        if name.contains('/') {
            at = read(name).unwrap_or_default();
        } else if declares(&at, name) {
            tests += 1;
        } else {
            complain(format!("no test {name} where it is said to be"));
        }
    }
    if tests == 0 {
        complain("no test is named".to_owned());
    }
    complaints
}

/// What stands between backquotes.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The cells of a table's row.
fn row(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let cells: Vec<&str> = inner.split(" | ").map(str::trim).collect();
    (cells.len() > 1).then_some(cells)
}

/// A function of that name, public or of a trait; or a test of the pages.
fn declares(text: &str, name: &str) -> bool {
    if text.contains(&format!("test('{name}',")) {
        return true;
    }
    [
        "pub fn ",
        "pub async fn ",
        "pub const fn ",
        "fn ",
        "async fn ",
    ]
    .iter()
    .any(|start| {
        text.lines().map(str::trim_start).any(|line| {
            let after = line
                .strip_prefix(start)
                .and_then(|rest| rest.strip_prefix(name));
            after.is_some_and(|rest| rest.starts_with(['(', '<']))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readme() -> String {
        NAMES
            .iter()
            .map(|name| format!("| `{name}` | what it does | `a/b.rs` |\n"))
            .collect()
    }

    fn source() -> String {
        NAMES
            .iter()
            .map(|name| format!("    pub async fn {name}(x: u8) {{}}\n"))
            .collect()
    }

    #[test]
    fn names_with_their_functions_at_the_path_are_true() {
        assert_eq!(
            check_names(&readme(), &|_| Some(source())),
            Vec::<String>::new()
        );
    }

    #[test]
    fn name_without_a_row_a_file_or_a_function_is_a_lie() {
        assert_eq!(check_names("", &|_| Some(source())).len(), NAMES.len());
        assert_eq!(check_names(&readme(), &|_| None).len(), NAMES.len());
        let renamed = source().replace("validate_tx(", "validate_tx_soon(");
        assert_eq!(check_names(&readme(), &|_| Some(renamed.clone())).len(), 1);
    }

    #[test]
    fn folder_table_that_differs_from_the_folders_is_a_lie() {
        let table = "| `channel/` | x |\n| `node/` | x |\n";
        assert!(check_folders(table, &["channel".into(), "node".into()]).is_empty());
        assert_eq!(check_folders(table, &["channel".into()]).len(), 1);
        assert_eq!(
            check_folders(table, &["channel".into(), "node".into(), "attic".into()]).len(),
            1
        );
    }

    #[test]
    fn incident_without_its_check_or_its_test_is_a_lie() {
        let table = |test: &str| {
            format!("# x\n| incident | check | test |\n|---|---|---|\n| X | `a/b.rs`, `f` | {test} |\n\n| y | z |\n")
        };
        let read = |path: &str| (path == "a/b.rs").then(|| "fn it_holds() {}\n".to_owned());
        let complaints = |test: &str| check_incidents(&table(test), &read).len();
        assert_eq!(complaints("`a/b.rs`: `it_holds`"), 0);
        let page = |path: &str| (path == "a/b.rs").then(|| "test('it holds', () => {})\n".into());
        assert!(check_incidents(&table("`a/b.rs`: `it holds`"), &page).is_empty());
        assert_eq!(complaints("`a/b.rs`: `it_held`"), 2);
        assert_eq!(complaints("`a/b.rs`"), 1);
        assert_eq!(complaints("`a/c.rs`: `it_holds`"), 3);
        assert_eq!(
            check_incidents(&table("`a/b.rs`: `it_holds`"), &|_| None).len(),
            4
        );
        assert_eq!(check_incidents("", &read).len(), 1);
    }

    #[test]
    fn link_that_leads_nowhere_is_a_lie() {
        let text = "[a](SECURITY.md) [b](https://x.invalid) [c](#glossary)";
        assert!(check_links(text, &|path| path == "SECURITY.md").is_empty());
        assert_eq!(check_links(text, &|_| false).len(), 1);
    }
}
