//! The built host with the fixture component: variables, the key-value store, outbound HTTP.

use std::time::Duration;

use tokio::net::TcpStream;

use crate::support::{Host, Upstream, manifest};

#[tokio::test]
async fn a_component_reads_its_own_variables_only() {
    let manifest =
        manifest("variables = { hi = \"{{ greeting }}, world\", pass = \"{{ password }}\" }");
    let host = Host::start(&manifest, &["--variable", "greeting=servus"]).await;
    assert_eq!(host.text("/variable?name=hi").await, "Ok(\"servus, world\")");
    assert_eq!(host.text("/variable?name=pass").await, "Ok(\"hunter2\")");
    assert!(host.text("/variable?name=greeting").await.contains("Undefined"));
    assert!(host.text("/variable?name=Not-A-Name").await.contains("InvalidName"));
    let ended = host.stop().await;
    assert!(!ended.log.contains("hunter2"), "values are never logged");
}

#[tokio::test]
async fn the_store_keeps_what_was_set_across_instances() {
    let host = Host::fixture(&["--max-instance-reuse-count", "1"]).await;
    assert_eq!(host.text("/store?key=a").await, "none");
    assert_eq!(host.text("/store?do=set&key=a&value=1").await, "()");
    assert_eq!(host.text("/store?key=a").await, "1");
    assert_eq!(host.text("/store?do=set&key=b&value=2").await, "()");
    assert_eq!(host.text("/store?do=keys").await, "a,b");
    assert_eq!(host.text("/store?do=exists&key=b").await, "true");
    assert_eq!(host.text("/store?do=delete&key=b").await, "()");
    assert_eq!(host.text("/store?do=exists&key=b").await, "false");
    assert_eq!(host.text("/store?do=get&label=other").await, "Error::AccessDenied");
    assert!(host.folder.path().join(".spin/sqlite_key_value.db").exists());
}

#[tokio::test]
async fn a_component_without_a_store_is_denied_it() {
    let host = Host::start(&manifest(""), &[]).await;
    assert_eq!(host.text("/store?key=a").await, "Error::AccessDenied");
}

#[tokio::test]
async fn an_allowed_upstream_is_reached_over_one_kept_connection() {
    let upstream = Upstream::start().await;
    let host = Host::with_upstream(&upstream, &[]).await;
    for _ in 0..5 {
        assert_eq!(host.text(&format!("/fetch?url={}/x", upstream.url)).await, "200 up");
    }
    assert_eq!(host.text(&format!("/proxy?url={}/x", upstream.url)).await, "up");
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_is_replaced_without_a_word() {
    let upstream = Upstream::start().await;
    let host = Host::with_upstream(&upstream, &["--instances", "per-core", "--threads", "1"]).await;
    for connections in 1..=5 {
        assert_eq!(host.text(&format!("/fetch?url={}/last", upstream.url)).await, "200 up");
        assert_eq!(upstream.connections(), connections);
    }
}

#[tokio::test]
async fn anything_else_is_denied_and_logged() {
    let (upstream, other) = (Upstream::start().await, Upstream::start().await);
    let host = Host::with_upstream(&upstream, &[]).await;
    assert_eq!(
        host.text(&format!("/fetch?url={}/x", other.url)).await,
        "ErrorCode::HttpRequestDenied"
    );
    let tls = upstream.url.replace("http://", "https://");
    assert_eq!(host.text(&format!("/fetch?url={tls}/x")).await, "ErrorCode::HttpRequestDenied");
    assert_eq!(other.connections(), 0);
    let ended = host.stop().await;
    assert!(ended.log.contains("not in allowed_outbound_hosts"), "{}", ended.log);
}

#[tokio::test]
async fn a_failure_to_connect_differs_from_a_timeout() {
    let upstream = Upstream::start().await;
    let host = Host::with_upstream(&upstream, &[]).await;
    let fetch = async |query: &str| host.text(&format!("/fetch?url={query}")).await;
    assert_eq!(fetch("http://127.0.0.1:1/").await, "ErrorCode::ConnectionRefused");
    assert!(fetch("http://nowhere.invalid/").await.starts_with("ErrorCode::DnsError"));
    let silent = format!("{}/silent&first_byte_ms=200", upstream.url);
    assert_eq!(fetch(&silent).await, "ErrorCode::ConnectionReadTimeout");
    let half = format!("{}/half&between_bytes_ms=200", upstream.url);
    // A small body goes on as a whole or not at all.
    assert_eq!(fetch(&half).await, "ErrorCode::ConnectionReadTimeout");
    let closed = format!("{}/close", upstream.url);
    assert_eq!(fetch(&closed).await, "ErrorCode::HttpResponseIncomplete");
}

#[tokio::test]
async fn a_connection_that_does_not_open_is_given_up_in_time() {
    // A full accept queue: the system leaves further connections hanging.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) =
        tokio::time::timeout(Duration::from_secs(3), TcpStream::connect(address)).await
    {
        queued.push(stream.unwrap());
        assert!(queued.len() < 10, "the queue never fills");
    }
    let manifest = manifest(&format!("allowed_outbound_hosts = [\"http://{address}\"]"));
    let host = Host::start(&manifest, &[]).await;
    let answer = host.text(&format!("/fetch?url=http://{address}/&connect_ms=200")).await;
    assert_eq!(answer, "ErrorCode::ConnectionTimeout");
}

#[tokio::test]
async fn an_upstream_that_does_not_speak_tls_is_a_tls_error() {
    let upstream = Upstream::start().await;
    let tls = upstream.url.replace("http://", "https://");
    let host = Host::start(&manifest(&format!("allowed_outbound_hosts = [\"{tls}\"]")), &[]).await;
    let answer = host.text(&format!("/fetch?url={tls}/&connect_ms=60000")).await;
    assert_eq!(answer, "ErrorCode::TlsProtocolError");
}
