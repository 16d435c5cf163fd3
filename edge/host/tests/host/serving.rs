//! The built host with the fixture component: what a component sees and what its clients get.

use std::time::{Duration, Instant};

use crate::support::{Host, Upstream, manifest, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn instances_are_reused_up_to_the_count() {
    let host =
        Host::fixture(&["--max-instance-reuse-count", "3", "--idle-instance-timeout", "60s"]).await;
    let mut served = Vec::new();
    for _ in 0..7 {
        served.push(host.text("/served").await);
    }
    assert_eq!(served, ["1", "2", "3", "1", "2", "3", "1"]);
}

#[tokio::test]
async fn reuse_count_one_gives_every_request_its_own_instance() {
    let host = Host::fixture(&["--max-instance-reuse-count", "1"]).await;
    for _ in 0..3 {
        assert_eq!(host.text("/served").await, "1");
    }
    let ended = host.stop().await;
    assert_eq!(ended.log.matches("instance ready").count(), 3, "each is logged, with its time");
}

#[tokio::test]
async fn an_idle_instance_is_dropped_after_the_timeout() {
    let host = Host::fixture(&["--idle-instance-timeout", "100ms"]).await;
    assert_eq!(host.text("/served").await, "1");
    until("a new instance", async || {
        tokio::time::sleep(Duration::from_millis(200)).await;
        host.text("/served").await == "1"
    })
    .await;
}

#[tokio::test]
async fn one_instance_serves_requests_at_the_same_time_up_to_the_count() {
    let host = Host::fixture(&["--max-instance-concurrent-reuse-count", "2"]).await;
    // The longer they take, the surer they meet, however slowly they come.
    for ms in [300, 3_000, 20_000] {
        let path = format!("/sleep?ms={ms}");
        let answers = futures::future::join_all((0..4).map(|_| host.text(&path))).await;
        let most = answers.iter().map(|answer| answer.parse::<u32>().unwrap()).max();
        assert!(most <= Some(2), "{answers:?}");
        if most == Some(2) {
            return;
        }
    }
    panic!("no two requests were ever served at the same time");
}

#[tokio::test]
async fn the_component_sees_what_spin_shows_it() {
    let host = Host::fixture(&[]).await;
    let url = format!("{}/request?x=1", host.url);
    let forged = host.client.get(url).header("spin-client-addr", "1.2.3.4:5");
    let seen = forged.send().await.unwrap().text().await.unwrap();
    let address = host.address();
    let addresses: Vec<&str> =
        seen.lines().filter(|line| line.starts_with("spin-client-addr: ")).collect();
    assert!(seen.starts_with(&format!("GET http://{address}/request?x=1\n")), "{seen}");
    assert!(seen.contains(&format!("spin-full-url: http://{address}/request?x=1\n")), "{seen}");
    assert!(seen.contains("spin-path-info: /request\n"), "{seen}");
    assert_eq!(addresses.len(), 2, "{seen}");
    assert_eq!(addresses[0], "spin-client-addr: 1.2.3.4:5");
    assert!(addresses[1].starts_with("spin-client-addr: 127.0.0.1:"), "{seen}");
}

#[tokio::test]
async fn bodies_pass_both_ways() {
    let host = Host::fixture(&[]).await;
    echoes_a_large_body(&host).await;
    assert_eq!(host.text("/drip?ms=1&count=3").await, "0\n1\n2\n");
}

#[tokio::test]
async fn a_component_is_compiled_once_and_again_when_what_was_kept_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("compiled");
    let start = async || {
        let host = Host::fixture(&["--cache-dir", cache.to_str().unwrap()]).await;
        assert_eq!(host.text("/served").await, "1");
        host.stop().await;
        kept(&cache)
    };
    let first = start().await;
    assert_eq!(first.len(), 1, "{first:?}");
    let (path, written) = &first[0];
    assert_eq!(start().await, first, "nothing is compiled again");
    std::fs::write(path, "damaged").unwrap();
    let again = start().await;
    assert_eq!((&again[0].0, again.len()), (path, 1));
    assert_ne!(&again[0].1, written, "it is written anew");
}

/// The compiled components in a folder, and when each was written.
fn kept(folder: &std::path::Path) -> Vec<(std::path::PathBuf, std::time::SystemTime)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(kept(&path));
        } else if path.extension().is_none() {
            let written = path.metadata().unwrap().modified().unwrap();
            found.push((path, written));
        }
    }
    found
}

#[tokio::test]
async fn spin_s_own_paths_never_reach_the_component() {
    let host = Host::fixture(&[]).await;
    assert_eq!(host.get("/.well-known/spin/health").await, (200, "OK".into()));
    assert_eq!(host.get("/.well-known/spin/info").await, (404, String::new()));
    assert_eq!(host.get("/nowhere").await, (404, String::new()));
}

#[tokio::test]
async fn a_trap_is_a_bare_500_and_the_next_request_is_served() {
    let host = Host::fixture(&[]).await;
    assert_eq!(host.get("/panic").await, (500, String::new()));
    assert_eq!(host.text("/served").await, "1");
    let ended = host.stop().await;
    assert!(ended.log.contains("instance failed"), "{}", ended.log);
    assert!(ended.log.contains("secret detail of a panic"), "{}", ended.log);
}

#[tokio::test]
async fn a_late_answer_is_504() {
    let host = Host::fixture(&["--request-timeout", "300ms"]).await;
    assert_eq!(host.get("/sleep?ms=30000").await, (504, String::new()));
}

#[tokio::test]
async fn a_busy_guest_gets_504_and_holds_nobody_else_up() {
    // Whoever is held up is served when the loops have ended, and not before: so at most one of those
    // who come one after the other is, and a busy machine only makes it take longer for several.
    for timeout_s in [5, 25] {
        let host = Host::fixture(&["--request-timeout", &format!("{timeout_s}s")]).await;
        let (since, all_loop) = (Instant::now(), Duration::from_secs(timeout_s) / 5);
        let loops = futures::future::join_all((0..8).map(|_| host.get("/loop")));
        let mut served = 0;
        let others = async {
            loop {
                let began = since.elapsed();
                host.text("/served").await;
                served += usize::from(began > all_loop);
            }
        };
        let loops = tokio::select! {
            loops = loops => loops,
            () = others => unreachable!("it never ends"),
        };
        assert!(loops.iter().all(|(status, _)| *status == 504), "{loops:?}");
        host.text("/served").await;
        if served >= 3 {
            return;
        }
    }
    panic!("others were held up");
}

#[tokio::test]
async fn a_guest_that_loops_after_its_response_is_killed_too() {
    is_killed_after_its_response(Host::fixture(&["--request-timeout", "500ms"]).await).await;
}

#[tokio::test]
async fn a_stream_may_take_longer_than_the_request_timeout() {
    // The time-out is for the beginning, which a busy machine may take long for, too.
    for (timeout, ms) in [("300ms", 100), ("2s", 500), ("10s", 2_500)] {
        let host = Host::fixture(&["--request-timeout", timeout]).await;
        let (status, body) = host.get(&format!("/drip?ms={ms}&count=10")).await;
        assert!(matches!(status, 200 | 504), "{status}: {body}");
        if status == 200 {
            assert_eq!(body.lines().count(), 10, "{body}");
            return;
        }
    }
    panic!("the stream never began");
}

#[tokio::test]
async fn memory_is_limited() {
    let host = Host::fixture(&[]).await;
    let mib: u32 = host.text("/grow?mib=1000").await.parse().unwrap();
    assert!((100..128).contains(&mib), "{mib} MiB");
}

#[tokio::test]
async fn a_guest_has_no_files_and_no_environment() {
    let host = Host::fixture(&[]).await;
    assert_eq!(host.text("/environment").await, "0 false");
}

#[tokio::test]
async fn what_a_guest_prints_is_logged() {
    let host = Host::fixture(&["--log-format", "json"]).await;
    host.text("/print?line=something").await;
    let ended = host.stop().await;
    let line = ended
        .log
        .lines()
        .find(|line| line.contains("\"line\":\"printed something\""))
        .expect("it is logged");
    assert!(line.starts_with('{') && line.contains("\"component\":\"guest\""), "{line}");
}

#[tokio::test]
async fn requests_in_flight_are_drained_on_sigterm() {
    let upstream = Upstream::start().await;
    let host = Host::with_upstream(&upstream, &[]).await;
    let path = format!("/fetch?url={}/held", upstream.url);
    let slow = host.text(&path);
    let terminated = async {
        until("the request to be under way", async || upstream.connections() == 1).await;
        host.terminate();
        until("the port to be closed", async || TcpStream::connect(host.address()).await.is_err())
            .await;
        upstream.held.add_permits(1);
    };
    let (answer, ()) = tokio::join!(slow, terminated);
    assert_eq!(answer, "200 up");
    let ended = host.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.log);
}

#[tokio::test]
async fn the_drain_ends_at_its_limit() {
    let upstream = Upstream::start().await;
    let host = Host::with_upstream(&upstream, &["--drain-timeout", "300ms"]).await;
    // It would hang for ever.
    let hung = host.client.get(format!("{}/fetch?url={}/held", host.url, upstream.url)).send();
    let terminated = async {
        until("the request to be under way", async || upstream.connections() == 1).await;
        host.terminate();
    };
    let (answer, ()) = tokio::join!(hung, terminated);
    let cut = answer.expect_err("the connection is closed");
    assert!(!cut.is_timeout(), "nobody closed it: {cut}");
    let ended = host.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.log);
}

#[tokio::test]
async fn an_oversized_head_is_refused() {
    let host = Host::fixture(&[]).await;
    let big = "x".repeat(300 * 1024);
    let response = raw(&host, &format!("GET / HTTP/1.1\r\nhost: h\r\nbig: {big}\r\n\r\n")).await;
    assert!(response.starts_with("HTTP/1.1 431 "), "{response}");
    let many = "a: b\r\n".repeat(200);
    let response = raw(&host, &format!("GET / HTTP/1.1\r\nhost: h\r\n{many}\r\n")).await;
    assert!(response.starts_with("HTTP/1.1 431 "), "{response}");
    let response = raw(&host, "GET /served HTTP/1.1\r\nconnection: close\r\n\r\n").await;
    assert!(response.starts_with("HTTP/1.1 400 "), "no Host header: {response}");
}

#[tokio::test]
async fn the_longest_token_has_room_in_a_head_that_comes_in_pieces() {
    let host = Host::fixture(&[]).await;
    let token = "x".repeat(gavel_core::limits::TOKEN_BYTES_MAX);
    let rest = "y".repeat(8_000);
    let head = format!(
        "GET /served HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {token}\r\ncookie: {rest}\r\n\
         connection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect(host.address()).await.unwrap();
    let mut response = Vec::new();
    for piece in head.as_bytes().chunks(4_096) {
        // A host that refuses may close before it has read everything.
        drop(stream.write_all(piece).await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(stream.read_to_end(&mut response).await);
    let response = String::from_utf8_lossy(&response);
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
}

#[tokio::test]
async fn a_request_that_names_no_host_and_need_not_is_served() {
    let host = Host::fixture(&[]).await;
    let here = host.address();
    for head in [
        "GET /request HTTP/1.0\r\n\r\n",
        "GET /request HTTP/1.0\r\nhost:\r\n\r\n",
        "GET /request HTTP/1.1\r\nhost:\r\nconnection: close\r\n\r\n",
    ] {
        let response = raw(&host, head).await;
        assert!(response.contains(" 200 OK\r\n"), "{head}: {response}");
        assert!(response.contains(&format!("GET http://{here}/request\n")), "{head}: {response}");
    }
    let absolute =
        "GET http://edge.test/request HTTP/1.1\r\nhost: other\r\nconnection: close\r\n\r\n";
    let response = raw(&host, absolute).await;
    assert!(response.contains("GET http://edge.test/request\n"), "{response}");
}

#[tokio::test]
async fn a_request_whose_host_is_wrong_is_told_so_as_a_problem() {
    let host = Host::fixture(&[]).await;
    for (headers, detail) in [
        ("", "the header `Host` is missing"),
        ("host: a\r\nhost: b\r\n", "the header `Host` must name one host"),
        ("host: a b\r\n", "the header `Host` must name one host"),
    ] {
        let head = format!("GET /served HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
        let response = raw(&host, &head).await;
        assert!(response.starts_with("HTTP/1.1 400 "), "{headers:?}: {response}");
        assert!(response.contains("content-type: application/problem+json"), "{response}");
        let (_, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(body.contains(r#""code":"malformed-request""#) && body.contains(detail), "{body}");
    }
}

/// A guest that loops after its response began is killed, and the client sees that the body was cut off.
pub(crate) async fn is_killed_after_its_response(host: Host) {
    let response = host.client.get(format!("{}/drip-then-loop", host.url)).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err(), "the body is cut off");
    let ended = host.stop().await;
    assert!(ended.log.contains("the guest kept the processor"), "{}", ended.log);
}

/// A body of many frames comes back as it was.
pub(crate) async fn echoes_a_large_body(host: &Host) {
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let request = host.client.post(format!("{}/echo", host.url)).body(body.clone());
    assert_eq!(request.send().await.unwrap().bytes().await.unwrap(), body);
}

async fn raw(host: &Host, request: &str) -> String {
    let mut stream = TcpStream::connect(host.address()).await.unwrap();
    // The host may answer and close before it has read everything.
    drop(stream.write_all(request.as_bytes()).await);
    let mut response = Vec::new();
    drop(stream.read_to_end(&mut response).await);
    String::from_utf8_lossy(&response).into_owned()
}

#[tokio::test]
async fn connections_beyond_the_maximum_wait_their_turn() {
    let host = Host::fixture(&["--max-connections", "1"]).await;
    let first = TcpStream::connect(host.address()).await.unwrap();
    let (answer, ()) = tokio::join!(host.text("/served"), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(first);
    });
    assert_eq!(answer, "1");
}

#[tokio::test]
async fn the_more_literal_route_answers() {
    let manifest = manifest("key_value_stores = []").replace(
        "[component.guest]",
        "[[trigger.http]]\nroute = \"/things/:id/print\"\ncomponent = \"guest\"\n[component.guest]",
    );
    let host = Host::start(&manifest, &[]).await;
    assert_eq!(host.get("/things/7/print").await.0, 404, "the fixture knows no such path");
    assert!(host.text("/request").await.contains("spin-matched-route: /...\n"));
}
