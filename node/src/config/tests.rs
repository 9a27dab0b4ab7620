use super::*;

const EXAMPLES: [(&str, &str); 3] = [
    ("user.toml", include_str!("../../../config/user.toml")),
    ("hub.toml", include_str!("../../../config/hub.toml")),
    ("regtest.toml", include_str!("../../../config/regtest.toml")),
];

fn no_flag() -> Option<String> {
    None
}

#[test]
fn example_of_each_kind_has_only_known_settings() {
    for (name, text) in EXAMPLES {
        let config = Layers::new()
            .toml(Path::new(name), text)
            .and_then(Layers::resolve)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(config.role == Role::Hub, name == "hub.toml", "{name}");
        assert_eq!(config.network == Network::Regtest, name == "regtest.toml");
    }
}

#[test]
fn example_lines_that_are_commented_out_are_settings_too() {
    for (name, text) in EXAMPLES {
        // "# key = value" is an offer; "# A sentence." is a comment.
        let offered: String = text
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.split_once(" = ").is_some_and(|(key, _)| is_key(key)) => rest,
                _ => line,
            })
            .map(|line| format!("{line}\n"))
            .collect();
        assert_ne!(offered, text, "{name} offers nothing");
        Layers::new()
            .toml(Path::new(name), &offered)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

fn is_key(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[test]
fn layers_cover_one_another_from_flag_to_default() {
    let file = "network = 'signet'\nalias = 'file'\n[http]\nlisten = '127.0.0.1:1'\n[fees]\nceiling_sat_vb = 9";
    let variables = [
        ("ZARNITSA_ALIAS", "variable"),
        ("ZARNITSA_HTTP_LISTEN", "127.0.0.1:2"),
    ];
    let config = Layers::new()
        .toml(Path::new("file"), file)
        .unwrap()
        .variables(variables.map(|(name, text)| (name.into(), text.into())))
        .unwrap()
        .flag("alias", Some("flag"))
        .flag("http.listen", no_flag())
        .resolve()
        .unwrap();
    assert_eq!(config.alias, "flag");
    assert_eq!(config.http.listen.port(), 2);
    assert_eq!(config.fees.ceiling_sat_vb, 9);
    assert_eq!(config.fees.floor_sat_vb, 1);
    assert_eq!(config.bitcoind.rpc_url, "http://127.0.0.1:38332");
}

#[test]
fn variable_of_each_kind_is_read() {
    let variables = [
        ("ZARNITSA_LOG_JSON", "true"),
        ("ZARNITSA_POLICY_FEE_PPM", "7"),
        ("ZARNITSA_LIGHTNING_ANNOUNCE", "a:1, b:2"),
        ("ZARNITSA_BITCOIND_USER", "123"),
        ("ZARNITSA_BITCOIND_PASSWORD", "word"),
        ("ZARNITSA_SOMETHING_ELSE", "x"),
    ];
    let config = Layers::new()
        .variables(variables.map(|(name, text)| (name.into(), text.into())))
        .and_then(Layers::resolve)
        .unwrap();
    assert!(config.log.json);
    assert_eq!(config.policy.fee_ppm, 7);
    assert_eq!(config.lightning.announce, ["a:1", "b:2"]);
    assert_eq!(config.bitcoind.user.as_deref(), Some("123"));
    assert!(!format!("{config:?}").contains("word\""));
}

#[test]
fn setting_that_is_unknown_or_of_the_wrong_kind_is_refused_by_name() {
    let message = |text: &str| {
        let error = Layers::new().toml(Path::new("f.toml"), text).unwrap_err();
        error.to_string()
    };
    let unknown = message("[http]\nlissten = '127.0.0.1:1'");
    assert!(
        unknown.contains("f.toml") && unknown.contains("lissten"),
        "{unknown}"
    );
    assert!(message("[fees]\nfloor_sat_vb = 'x'").contains("floor_sat_vb"));
    assert!(message("network = 'moon'").contains("moon"));
    assert!(message("network").contains("not TOML"));
    let variable = Layers::new()
        .variables([("ZARNITSA_LOG_JSON".into(), "yes".into())])
        .unwrap_err()
        .to_string();
    assert!(variable.contains("ZARNITSA_LOG_JSON"), "{variable}");
}

#[test]
fn settings_that_contradict_one_another_are_refused() {
    for text in [
        "[fees]\nfloor_sat_vb = 10\nceiling_sat_vb = 9",
        "[policy]\nmin_channel_sat = 10\nmax_channel_sat = 9",
        "[bitcoind]\nuser = 'a'",
        "alias = 'a name that is longer than thirty-two bytes'",
    ] {
        let layers = Layers::new().toml(Path::new("f.toml"), text).unwrap();
        assert!(layers.resolve().is_err(), "{text}");
    }
}
