//! The configuration over plain maps.

use std::collections::HashMap;

use super::*;
use crate::testing::variables;

fn parse(changes: &[(&'static str, &str)]) -> Result<Config, Vec<ConfigError>> {
    let mut set: HashMap<&str, String> = variables();
    set.extend(changes.iter().map(|(name, value)| (*name, (*value).to_owned())));
    Config::parse(|name| set.get(name).cloned())
}

fn check(changes: &[(&'static str, &str)], faulty: &[&str]) {
    let errors = parse(changes).expect_err("it must be refused");
    let names: Vec<&str> = errors.iter().map(|error| error.variable).collect();
    assert_eq!(names, faulty, "{changes:?}");
}

#[test]
fn the_defaults_of_the_manifest_are_enough() {
    let manifest = include_str!("../../../../spin.toml");
    for name in VARIABLES {
        let passed_on = format!("{name} = \"{{{{ {name} }}}}\"");
        assert!(manifest.contains(&passed_on), "spin.toml does not pass {name} on");
    }
    let config = parse(&[]).expect("the defaults are right");
    assert_eq!(config.region(None).map(|region| region.code.as_str()), Some("use1"));
    assert_eq!(config.region(Some("zz9")), None);
    assert_eq!(config.jwks_url(), "http://127.0.0.1:4566/us-east-1_pool/.well-known/jwks.json");
    let issuer = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_pool";
    assert_eq!(config.cognito.issuer, issuer);
}

#[test]
fn every_error_is_reported_at_once() {
    check(
        &[("region_1_url", ""), ("edge_key", "short"), ("user_burst", "many")],
        &["region_1_url", "edge_key", "user_burst"],
    );
    let errors = Config::parse(|_| None).expect_err("nothing is set");
    assert!(errors.len() > 10, "{errors:?}");
}

#[test]
fn each_variable_is_checked() {
    for (name, values) in [
        ("region_1_code", &["", "US", "u", "far-too-long", "a/b"][..]),
        ("region_1_url", &["ftp://h", "h:1", "http://", "http://h/p", "http://u@h", "http://h:x"]),
        ("cognito_jwks_origin", &["", "https://h?q", "https://h#f"]),
        ("cognito_user_pool_id", &["", "a/b", "a?b"]),
        ("cognito_app_client_ids", &["", " ,,"]),
        ("jwks_cooldown_s", &["", "0", "3601", "1.5", "-1"]),
        ("edge_key", &["", "0123456789012345678901234567890"]),
        ("user_rate_per_s", &["0", "1000001", "x"]),
        ("forward_timeout_ms", &["99", "14001"]),
    ] {
        for value in values {
            check(&[(name, value)], &[name]);
        }
    }
    check(&[("region_2_code", "use1")], &["region_2_code"]);
    check(&[("region_2_code", "eu2"), ("region_2_url", "nonsense")], &["region_2_url"]);
}

#[test]
fn a_second_region_and_several_clients_are_read() {
    let config = parse(&[
        ("region_2_code", "eu2"),
        ("region_2_url", "https://eu.example/"),
        ("cognito_app_client_ids", " one, two ,,"),
        ("cognito_issuer", "https://issuer.example"),
    ])
    .expect("all is right");
    assert_eq!(config.region(Some("eu2")).unwrap().origin, "https://eu.example");
    assert_eq!(config.cognito.client_ids, ["one", "two"]);
    assert_eq!(config.cognito.issuer, "https://issuer.example");
}

#[test]
fn the_key_is_never_printed() {
    let config = parse(&[]).expect("the defaults are right");
    assert!(!format!("{config:?}").contains("0123456789"));
}

#[tokio::test]
async fn a_variable_that_cannot_be_read_is_not_taken_for_unset() {
    let set = variables();
    let read_all = read(async |name| Ok::<_, ()>(set.get(name).cloned())).await;
    assert_eq!(read_all.as_ref(), Ok(&set));
    for failing in ["region_2_code", "cognito_issuer", "edge_key"] {
        let get = async |name| if name == failing { Err(()) } else { Ok(set.get(name).cloned()) };
        assert_eq!(read(get).await, Err((failing, ())));
    }
}
