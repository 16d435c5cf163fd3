//! The built host refuses what it cannot run: exit code 64, the line, and nothing served.

use crate::support::{command, fixture, manifest, refusal};

#[tokio::test]
async fn an_unsupported_field_is_refused_with_its_line() {
    let ended = refusal(&manifest("sqlite_databases = [\"default\"]\nmystery = 1"), &[]).await;
    assert_eq!(ended.code, Some(64), "{}", ended.log);
    assert!(
        ended
            .log
            .contains("spin.toml:13: gavel-host does not support component.guest.sqlite_databases")
    );
    assert!(
        ended.log.contains("spin.toml:14: unknown field component.guest.mystery"),
        "{}",
        ended.log
    );
}

#[tokio::test]
async fn every_missing_variable_is_named() {
    let manifest = manifest("").replace(
        "[variables]",
        "[variables]\none = { required = true }\ntwo = { required = true }",
    );
    let ended = refusal(&manifest, &["--variable", "three=3"]).await;
    assert_eq!(ended.code, Some(64), "{}", ended.log);
    for name in ["variable one is required", "variable two is required", "--variable three"] {
        assert!(ended.log.contains(name), "{name}: {}", ended.log);
    }
}

#[tokio::test]
async fn hosts_and_stores_that_cannot_be_granted_are_refused_without_values() {
    let component = "allowed_outbound_hosts = [\"{{ password }}\", \"http://self\"]\nkey_value_stores = [\"other\"]";
    let ended = refusal(&manifest(component), &[]).await;
    assert_eq!(ended.code, Some(64), "{}", ended.log);
    assert!(ended.log.contains("spin.toml:13: allowed host \"{{ password }}\""), "{}", ended.log);
    assert!(
        ended.log.contains("spin.toml:14: gavel-host does not support the key-value store"),
        "{}",
        ended.log
    );
    assert!(!ended.log.contains("hunter2"), "{}", ended.log);
}

#[tokio::test]
async fn a_component_that_is_missing_or_none_is_refused() {
    let source = format!("{:?}", fixture());
    let missing = manifest("").replace(&source, "\"nowhere.wasm\"");
    let ended = refusal(&missing, &[]).await;
    assert_eq!(ended.code, Some(64), "{}", ended.log);
    assert!(
        ended.log.contains("spin.toml:12: ") && ended.log.contains("nowhere.wasm"),
        "{}",
        ended.log
    );
    let text = manifest("").replace(&source, "\"spin.toml\"");
    let ended = refusal(&text, &[]).await;
    assert_eq!(ended.code, Some(64), "{}", ended.log);
    assert!(ended.log.contains("not a component"), "{}", ended.log);
}

#[tokio::test]
async fn a_port_in_use_is_a_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (mut command, _folder) = command(&manifest(""), &address, &[]);
    let output = command.output().await.unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains(&format!("cannot listen on {address}")), "{log}");
}

#[tokio::test]
async fn wrong_flags_are_refused_by_name() {
    let ended = refusal(&manifest(""), &["--max-instance-reuse-count", "1..8"]).await;
    assert_eq!(ended.code, Some(64), "{}", ended.log);
    assert!(ended.log.contains("--max-instance-reuse-count"), "{}", ended.log);
    assert!(ended.log.contains("ranges are not supported"), "{}", ended.log);
}
