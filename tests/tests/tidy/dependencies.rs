//! Which crate may know of which. The direction is what keeps the channel machine pure.

use std::process::Command;

use serde_json::Value;

/// Crate, and those of ours that it may depend on. `tests` may use all.
const OURS: [(&str, &[&str]); 7] = [
    ("channel", &[]),
    ("ledger", &[]),
    ("bitcoin-adapter", &[]),
    ("peer", &[]),
    ("service", &["channel"]),
    ("signer", &["channel"]),
    (
        "node",
        &[
            "service",
            "ledger",
            "signer",
            "peer",
            "bitcoin-adapter",
            "channel",
        ],
    ),
];

/// Crate, and beginnings of others' names that it may not depend on outside its tests.
const FOREIGN: [(&str, &[&str]); 7] = [
    (
        "channel",
        &[
            "tokio",
            "exonum",
            "lightning",
            "rand",
            "bdk",
            "tracing",
            "futures",
            "chrono",
        ],
    ),
    ("ledger", &["bitcoin", "lightning", "bdk", "actix"]),
    ("bitcoin-adapter", &["exonum", "lightning", "actix"]),
    ("peer", &["exonum", "bdk", "actix"]),
    ("service", &["tokio", "lightning", "bdk", "actix", "rand"]),
    ("signer", &["exonum", "lightning", "tokio", "actix"]),
    // The HTTP server of exonum-api is never started: only this crate serves, by actix-web 4.
    ("node", &["exonum-api", "exonum-node"]),
];

/// What `cargo metadata` says of this workspace.
pub fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(crate::root())
        .output()
        .expect("cargo can be started");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
}

/// Complaints about the workspace's dependencies.
pub fn check(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"]
        .as_array()
        .expect("cargo metadata lists packages");
    let mut complaints = Vec::new();
    for package in packages {
        let name = own_name(package).expect("every member is ours");
        if name == "tests" {
            continue;
        }
        let Some((_, allowed)) = OURS.iter().find(|(known, _)| *known == name) else {
            complaints.push(format!(
                "{name}: a crate whose place in the design is not known"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().expect("a list") {
            if dependency["kind"] == "dev" {
                continue;
            }
            if let Some(other) = own_name(dependency) {
                if !allowed.contains(&other) {
                    complaints.push(format!("{name} may not depend on {other}"));
                }
            } else {
                complaints.extend(check_foreign(
                    name,
                    dependency["name"].as_str().expect("a name"),
                ));
            }
        }
    }
    complaints
}

fn check_foreign(name: &str, dependency: &str) -> Option<String> {
    let (_, refused) = FOREIGN.iter().find(|(known, _)| *known == name)?;
    let refused = refused.iter().find(|start| {
        dependency
            .strip_prefix(**start)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
    })?;
    Some(format!(
        "{name} may not depend on {dependency} ({refused} is not its business)"
    ))
}

fn own_name(package: &Value) -> Option<&str> {
    package["name"].as_str()?.strip_prefix("zarnitsa-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn complaints(name: &str, dependency: &str, kind: Option<&str>) -> usize {
        check(&json!({ "packages": [{
            "name": format!("zarnitsa-{name}"),
            "dependencies": [{ "name": dependency, "kind": kind }],
        }]}))
        .len()
    }

    #[test]
    fn dependency_against_the_design_is_refused() {
        assert_eq!(complaints("channel", "zarnitsa-ledger", None), 1);
        assert_eq!(complaints("peer", "zarnitsa-channel", None), 1);
        assert_eq!(complaints("ledger", "zarnitsa-service", None), 1);
        assert_eq!(complaints("service", "zarnitsa-channel", None), 0);
        assert_eq!(complaints("node", "zarnitsa-peer", None), 0);
        assert_eq!(complaints("extras", "zarnitsa-peer", None), 1);
    }

    #[test]
    fn foreign_crate_in_the_wrong_place_is_refused() {
        assert_eq!(complaints("channel", "tokio", None), 1);
        assert_eq!(complaints("channel", "exonum-crypto", Some("build")), 1);
        assert_eq!(complaints("channel", "lightning", Some("dev")), 0);
        assert_eq!(complaints("channel", "random", None), 0);
        assert_eq!(complaints("node", "exonum-api", None), 1);
    }
}
