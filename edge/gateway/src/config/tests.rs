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
    for &name in VARIABLES {
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
        &[("regions", ""), ("edge_key", "short"), ("user_burst", "many")],
        &["regions", "edge_key", "user_burst"],
    );
    let errors = Config::parse(|_| None).expect_err("nothing is set");
    assert!(errors.len() > 8, "{errors:?}");
}

#[test]
fn each_variable_is_checked() {
    for (name, values) in [
        ("cognito_jwks_origin", &["", "ftp://h", "https://h?q", "https://h#f"][..]),
        ("cognito_user_pool_id", &["", "a/b", "a?b"]),
        ("cognito_app_client_ids", &["", " ,,"]),
        ("jwks_cooldown_s", &["", "0", "3601", "1.5", "-1"]),
        ("edge_key", &["", "0123456789012345678901234567890"]),
        ("user_rate_per_s", &["0", "1000001", "x"]),
        ("counts_in", &["", "redis", "Memory"]),
        ("forward_timeout_ms", &["99", "14001"]),
    ] {
        for value in values {
            check(&[(name, value)], &[name]);
        }
    }
}

#[test]
fn what_is_wrong_with_the_regions_is_told_by_entry() {
    let told = |regions: &str| -> Vec<String> {
        let errors = parse(&[("regions", regions)]).expect_err(regions);
        errors.iter().map(ToString::to_string).collect()
    };
    for none in ["", "  ", ",", " , ,"] {
        assert_eq!(told(none), ["variable regions must name at least one region, as code=url"]);
    }
    for entry in ["use1", "http://h", "use1:http://h"] {
        assert_eq!(told(entry), ["variable regions, entry 1, must be code=url"], "{entry}");
    }
    let code = "must begin with a code of 2 to 8 lower-case letters and digits";
    for bad in ["", "US", "u", "far-too-long", "a/b", "a b"] {
        let list = format!("use1=http://h,{bad}=http://h");
        assert_eq!(told(&list), [format!("variable regions, entry 2, {code}")], "{bad}");
    }
    let url = "needs http:// or https:// with a host and nothing after the port";
    for bad in [
        "",
        "ftp://h",
        "h:1",
        "http://",
        "http://h/p",
        "http://u@h",
        "http://h:x",
        "http://h?q=1",
        "http://h h",
    ] {
        let list = format!("use1={bad}, eu2=http://h");
        assert_eq!(told(&list), [format!("variable regions, entry 1, {url}")], "{bad}");
    }
    assert_eq!(
        told("use1=http://a,eu2=http://b,use1=http://c,x"),
        [
            "variable regions, entry 3, has the code of another region",
            "variable regions, entry 4, must be code=url",
        ]
    );
    assert_eq!(
        told("use1=http://a http://b http://a/"),
        ["variable regions, entry 1, names a worker twice"]
    );
    let workers = |count| -> String {
        format!("use1={}", (0..count).map(|n| format!("http://h{n} ")).collect::<String>())
    };
    let most = parse(&[("regions", &workers(WORKERS_MAX))]).unwrap();
    assert_eq!(most.regions[0].origins.len(), WORKERS_MAX);
    assert_eq!(
        told(&workers(WORKERS_MAX + 1)),
        ["variable regions, entry 1, names more workers than a region may have"]
    );
    let many = |count| -> String { (0..count).map(|n| format!("r{n}=http://h{n},")).collect() };
    assert_eq!(parse(&[("regions", &many(REGIONS_MAX))]).unwrap().regions.len(), REGIONS_MAX);
    assert_eq!(
        told(&many(REGIONS_MAX + 1)),
        ["variable regions names more regions than a gateway may have"]
    );
}

#[test]
fn several_regions_and_clients_are_read_and_the_first_region_is_home() {
    let config = parse(&[
        ("regions", " use1 = http://127.0.0.1:8080  http://10.0.0.2/ ,eu2=https://eu.example/, ap3=http://[::1]:80,"),
        ("cognito_app_client_ids", " one, two ,,"),
        ("cognito_issuer", "https://issuer.example"),
    ])
    .expect("all is right");
    let origin = |code| config.region(code).unwrap().origins.join(" ");
    assert_eq!(origin(None), "http://127.0.0.1:8080 http://10.0.0.2");
    assert_eq!(origin(Some("use1")), "http://127.0.0.1:8080 http://10.0.0.2");
    assert_eq!(origin(Some("eu2")), "https://eu.example");
    assert_eq!(origin(Some("ap3")), "http://[::1]:80");
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
    for failing in ["regions", "cognito_issuer", "edge_key"] {
        let get = async |name| if name == failing { Err(()) } else { Ok(set.get(name).cloned()) };
        assert_eq!(read(get).await, Err((failing, ())));
    }
}
