//! `--instances per-core`: one instance a core answers everything that is dispatched there, until it
//! is worn out or fails.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::net::TcpStream;

use crate::serving::{echoes_a_large_body, is_killed_after_its_response};
use crate::support::{Host, Upstream, until};

const PER_CORE: [&str; 4] = ["--instances", "per-core", "--threads", "4"];

async fn host(more: &[&str]) -> Host {
    Host::fixture(&[&PER_CORE, more].concat()).await
}

/// What `path` answers to a user with a token, which nobody here verifies.
async fn as_user(host: &Host, user: &str, path: &str) -> String {
    let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"{user}"}}"#));
    let request =
        host.client.get(format!("{}{path}", host.url)).bearer_auth(format!("h.{claims}.s"));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

#[tokio::test]
async fn a_user_is_always_answered_by_the_same_instance_however_many_ask_at_once() {
    let host = host(&[]).await;
    let asked = (0..300).map(|_| as_user(&host, "ada", "/served"));
    let served: BTreeSet<u32> =
        futures::future::join_all(asked).await.iter().map(|text| text.parse().unwrap()).collect();
    assert_eq!(served, (1..=300).collect());
}

#[tokio::test]
async fn users_spread_over_the_cores() {
    let host = host(&[]).await;
    let mut firsts = 0;
    for user in 0..64 {
        firsts += usize::from(as_user(&host, &format!("u-{user}"), "/served").await == "1");
    }
    // That one of four cores gets none of 64 users happens once in 10⁷ runs.
    assert_eq!(firsts, 4, "each core has one instance");
}

#[tokio::test]
async fn a_worn_instance_makes_room_for_another_and_finishes_what_it_began() {
    let host = host(&["--max-instance-reuse-count", "3"]).await;
    let slow = as_user(&host, "ada", "/drip?ms=300&count=5");
    let others = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let mut served = Vec::new();
        for _ in 0..5 {
            served.push(as_user(&host, "ada", "/served").await);
        }
        served
    };
    let (slow, served) = tokio::join!(slow, others);
    assert_eq!(slow, "0\n1\n2\n3\n4\n");
    assert_eq!(served, ["2", "3", "1", "2", "3"]);
}

#[tokio::test]
async fn a_trap_is_a_bare_500_and_the_next_request_is_served_by_another_instance() {
    let host = host(&[]).await;
    assert_eq!(host.text("/served").await, "1");
    assert_eq!(host.get("/panic").await, (500, String::new()));
    assert_eq!(host.text("/served").await, "1");
    let ended = host.stop().await;
    assert!(ended.log.contains("instance failed"), "{}", ended.log);
}

#[tokio::test]
async fn who_is_late_gets_504_and_others_are_served_meanwhile() {
    let host = host(&["--request-timeout", "2s"]).await;
    let late = host.get("/sleep?ms=60000");
    let other = async {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        host.text("/served").await
    };
    let (late, other) = tokio::join!(late, other);
    assert_eq!((late, other.as_str()), ((504, String::new()), "2"));
    until("another instance: what was given up does not run on", async || {
        host.text("/served").await == "1"
    })
    .await;
}

#[tokio::test]
async fn a_guest_that_loops_is_killed_and_its_core_serves_again() {
    let host = host(&["--request-timeout", "500ms"]).await;
    assert_eq!(host.get("/loop").await, (504, String::new()));
    until("an instance that answers", async || host.get("/served").await.0 == 200).await;
    assert!(host.text("/served").await.parse::<u32>().unwrap() > 1, "and stays");
    is_killed_after_its_response(host).await;
}

#[tokio::test]
async fn bodies_pass_both_ways_on_every_core() {
    let host = host(&[]).await;
    echoes_a_large_body(&host).await;
    for user in 0..16 {
        assert_eq!(as_user(&host, &format!("u-{user}"), "/drip?ms=1&count=3").await, "0\n1\n2\n");
    }
}

#[tokio::test]
async fn requests_in_flight_are_drained_on_sigterm_also_from_another_core() {
    let upstream = Upstream::start().await;
    let host = Host::with_upstream(&upstream, &PER_CORE).await;
    let path = format!("/fetch?url={}/held", upstream.url);
    let users: Vec<String> = (0..8).map(|user| format!("u-{user}")).collect();
    let slow = futures::future::join_all(users.iter().map(|user| as_user(&host, user, &path)));
    let terminated = async {
        until("the requests to be under way", async || upstream.connections() == 8).await;
        host.terminate();
        until("the port to be closed", async || TcpStream::connect(host.address()).await.is_err())
            .await;
        upstream.held.add_permits(8);
    };
    let (answers, ()) = tokio::join!(slow, terminated);
    assert!(answers.iter().all(|answer| answer == "200 up"), "{answers:?}");
    let ended = host.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.log);
}
