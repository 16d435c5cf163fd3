//! Instances that share numbers of a fake store, against the rule that one instance would keep.

use std::rc::Rc;
use std::time::Duration;

use futures::future::join_all;
use proptest::prelude::*;

use super::*;
use crate::config::Config;
use crate::limit::{CountsIn, Limiter, Limits, Share};
use crate::ports::{Clock as _, KeyValue as _};
use crate::testing::{Fake, config};

const SECOND_NS: u64 = 1_000_000_000;

fn instance(user_quota: Quota) -> Rc<Limits> {
    Rc::new(Limits::new(&Config { counts_in: CountsIn::Atomic, user_quota, ..config() }))
}

fn instances(number: usize, quota: Quota) -> Vec<Rc<Limits>> {
    (0..number).map(|_| instance(quota)).collect()
}

async fn take(limits: &Rc<Limits>, fake: &Fake) -> bool {
    limits.take(fake, Limiter::User, "ada", Share::First).await.is_ok()
}

/// As the runtime does: what a request leaves to do is done while it waits for its region.
async fn take_and_forward(limits: &Rc<Limits>, fake: &Fake) -> bool {
    let allowed = take(limits, fake).await;
    fake.run_background().await;
    allowed
}

/// Runs with a clock that passes only while all wait.
fn run<T>(work: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(work)
}

#[tokio::test(start_paused = true)]
async fn a_bid_takes_one_operation_or_two_as_the_first_of_a_window_and_a_refused_one_none() {
    let (fake, limits) = (Fake::new(), instance(Quota::new(10, 20)));
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(60_500)).await;
        for operations in [2, 1, 1] {
            fake.store_asked.borrow_mut().clear();
            assert!(take(&limits, &fake).await);
            assert_eq!(fake.store_asked.borrow().len(), operations);
            fake.run_background().await;
        }
    }
    while take(&limits, &fake).await {}
    fake.store_asked.borrow_mut().clear();
    for _ in 0..1_000 {
        assert!(!take(&limits, &fake).await);
    }
    assert_eq!(fake.store_asked.borrow().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_volley_through_many_instances_gets_the_burst_and_each_interval_one_more() {
    for latency_ms in [0, 5] {
        let fake = Fake::new();
        fake.store_latency_ms.set(latency_ms);
        // Wherever in a window it begins.
        tokio::time::sleep(Duration::from_millis(1_234)).await;
        let instances = instances(63, Quota::new(10, 20));
        let began_ns = fake.now_ns();
        let mut admitted = 0;
        for _ in 0..600 {
            let volley =
                instances.iter().cycle().take(1_000).map(|limits| take_and_forward(limits, &fake));
            admitted += join_all(volley).await.iter().filter(|allowed| **allowed).count();
            fake.run_background().await;
            let passed_ns = fake.now_ns() - began_ns;
            tokio::time::sleep(Duration::from_nanos(100_000_000 - passed_ns % 100_000_000)).await;
        }
        let passed_ns = fake.now_ns() - began_ns;
        let quota = usize::try_from(20 + passed_ns / 100_000_000).unwrap();
        assert!(admitted >= quota - 2, "{admitted} of {quota}, {latency_ms} ms");
        assert!(admitted * 100 <= quota * 101, "{admitted} of {quota}, {latency_ms} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unused_quota_does_not_grow() {
    let (fake, instances) = (Fake::new(), instances(9, Quota::new(10, 20)));
    // To the end of a window that began unused.
    tokio::time::sleep(Duration::from_millis(1_999)).await;
    let volley = instances.iter().cycle().take(100).map(|limits| take_and_forward(limits, &fake));
    let admitted = join_all(volley).await.iter().filter(|allowed| **allowed).count();
    assert_eq!(admitted, 20);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_who_shares_the_number_uses_up_nothing() {
    let (fake, limits) = (Fake::new(), instance(Quota::new(10, 20)));
    let here = limits.numbers(Limiter::User, "ada").window_at(fake.now_ns());
    let stranger = limits.numbers(Limiter::User, "eve").window_at(fake.now_ns());
    for _ in 0..500 {
        fake.increment(&here.key, stranger.unit).await.expect("the store works");
    }
    for _ in 0..20 {
        assert!(take(&limits, &fake).await);
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_number_of_the_same_identity_uses_up_nothing_and_is_removed() {
    let (fake, limits) = (Fake::new(), instance(Quota::new(10, 20)));
    while take(&limits, &fake).await {}
    tokio::time::sleep(Duration::from_secs(2 * COUNT_WINDOWS)).await;
    assert!(take(&limits, &fake).await, "the same key, {COUNT_WINDOWS} windows later");
    fake.run_background().await;
    let instances = instances(9, Quota::new(10, 20));
    let mut admitted = 1;
    for limits in instances.iter().cycle().take(100) {
        admitted += usize::from(take(limits, &fake).await);
    }
    assert_eq!(admitted, 20);
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_holds_an_instance_up_once_and_not_for_each_request() {
    let (fake, limits) = (Fake::new(), instance(Quota::new(10, 20)));
    fake.hang_store();
    let began_ms = fake.now_ms();
    for _ in 0..20 {
        assert!(take(&limits, &fake).await);
    }
    assert!(!take(&limits, &fake).await, "it counts by itself");
    assert_eq!((fake.store_asked.borrow().len(), fake.now_ms() - began_ms), (1, STORE_TIMEOUT_MS));
    tokio::time::sleep(Duration::from_millis(COUNT_REST_MS)).await;
    assert!(take(&limits, &fake).await);
    assert_eq!(fake.store_asked.borrow().len(), 2);
}

/// Requests as pauses in milliseconds before each, and which instance each comes to.
fn requests() -> impl Strategy<Value = Vec<(u64, usize)>> {
    let pause =
        prop_oneof![5 => Just(0_u64), 3 => 0_u64..100, 1 => 100_u64..1_500, 1 => Just(9_000)];
    prop::collection::vec((pause, 0_usize..8), 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn one_after_another_never_fewer_pass_than_by_the_rule_and_at_most_a_burst_more(
        rate in 1_u64..40, burst in 1_u64..30, requests in requests(),
    ) {
        let quota = Quota::new(rate, burst);
        run(async {
            let (fake, instances) = (Fake::new(), instances(8, quota));
            let (mut due, mut due_tat, mut passed) = (0_u64, None, Vec::new());
            for (pause_ms, instance) in requests {
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                let now_ns = fake.now_ns();
                if let crate::limit::Verdict::Allowed { tat_ns, .. } = quota.decide(due_tat, now_ns) {
                    (due, due_tat) = (due + 1, Some(tat_ns));
                }
                if take_and_forward(&instances[instance], &fake).await {
                    passed.push(now_ns);
                }
                prop_assert!(passed.len() as u64 >= due, "{} of {due}", passed.len());
            }
            for (first, from) in passed.iter().enumerate() {
                for (last, to) in passed.iter().enumerate().skip(first) {
                    let count = (last - first + 1) as u64;
                    let refilled = (to - from) / quota.interval_ns();
                    prop_assert!(count <= 2 * burst + refilled + 1, "{count} in {} ns", to - from);
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn at_the_same_time_what_pays_is_what_was_let_through(
        rate in 1_u64..40, burst in 2_u64..30, latency_ms in 0_u64..20, requests in requests(),
    ) {
        let quota = Quota::new(rate, burst);
        run(async {
            let (fake, instances) = (Fake::new(), instances(8, quota));
            fake.store_latency_ms.set(latency_ms);
            let began_ns = fake.now_ns();
            let sent = requests.iter().scan(0, |at_ms, (pause_ms, instance)| {
                *at_ms += pause_ms;
                Some((*at_ms, *instance))
            });
            let each = sent.map(async |(at_ms, instance)| {
                tokio::time::sleep(Duration::from_millis(at_ms)).await;
                take_and_forward(&instances[instance], &fake).await
            });
            let admitted = join_all(each).await.iter().filter(|allowed| **allowed).count() as u64;
            let refilled = (fake.now_ns() - began_ns) / quota.interval_ns();
            prop_assert!(admitted <= 2 * burst + refilled + 1, "{admitted}");
            fake.store_latency_ms.set(0);
            // All that is refused takes back what it added: who was silent long enough has all again.
            tokio::time::sleep(Duration::from_nanos(3 * quota.window_ns() + SECOND_NS)).await;
            let mut left = 0;
            while take(&instances[0], &fake).await {
                left += 1;
            }
            prop_assert!(left >= burst, "{left} of {burst}");
            Ok(())
        })?;
    }
}
