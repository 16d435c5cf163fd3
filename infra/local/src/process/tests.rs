//! Processes are started, watched and ended for real, with a shell as the child.

use super::*;

/// Its log goes where cargo keeps what tests leave behind.
fn shell(name: &str, script: &str) -> Process {
    let dir = paths::checkout().join("target/tmp");
    std::fs::create_dir_all(&dir).unwrap();
    let mut spec = Spec::new(name, "/bin/sh".into(), dir.clone(), &dir);
    spec.log = dir.join(format!("{name}-{}.log", crate::secret::suffix()));
    Process::new(spec.args(["-c", script]).env([("WORD", "hammer")]))
}

/// A killed process ends soon, but not at once; nobody may have reaped it yet.
async fn assert_gone(pid: u32) {
    let since = Instant::now();
    loop {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if state.is_empty() || state.contains(") Z ") {
            return;
        }
        assert!(since.elapsed() < limits::STOP_WITHIN, "still there: {state}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn the_end_of_a_failed_process_says_why() {
    let mut process = shell("failing", "echo \"no $WORD here\"; exit 3");
    let error = process.run(limits::READY_WITHIN).await.unwrap_err().to_string();
    assert!(error.contains("failing failed (exit status: 3)"), "{error}");
    assert!(error.ends_with("no hammer here"), "{error}");
}

#[tokio::test]
async fn a_process_stops_by_itself_when_asked() {
    let mut process = shell("willing", "trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done");
    process.start().unwrap();
    while process.log_tail().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(process.stop().await.unwrap(), Stopped::Gracefully);
    assert_eq!(process.stop().await.unwrap(), Stopped::NotRunning);
}

#[tokio::test]
async fn killing_takes_the_descendants_along() {
    let mut process = shell("parent", "setsid sleep 300 & echo $!; wait");
    process.start().unwrap();
    while process.log_tail().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let child: u32 = process.log_tail().trim().parse().unwrap();
    process.kill().await.unwrap();
    assert_gone(child).await;
}

#[tokio::test]
async fn dropping_ends_even_a_paused_process() {
    let mut process = shell("paused", "sleep 300");
    process.start().unwrap();
    process.pause().unwrap();
    let pid = process.pid().unwrap();
    drop(process);
    assert_gone(pid).await;
}

#[tokio::test]
async fn cpu_time_is_counted_with_that_of_what_a_process_started() {
    let busy = "i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done";
    let script = format!("echo begun; /bin/sh -c '{busy}; sleep 60' & wait");
    let mut process = shell("busy", &script);
    process.start().unwrap();
    let pid = i32::try_from(process.pid().unwrap()).unwrap();
    let since = Instant::now();
    while tree::cpu_time(pid).unwrap() < Duration::from_millis(50) {
        assert!(since.elapsed() < limits::READY_WITHIN, "{:?}", tree::cpu_time(pid));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let [(child, name)] = &tree::children(pid)[..] else { panic!("{:?}", tree::children(pid)) };
    assert!(name.starts_with("sh"), "{name}");
    assert!(tree::cpu_time(*child).unwrap() > Duration::ZERO);
    process.kill().await.unwrap();
    assert!(tree::cpu_time(pid).is_err(), "it has ended");
}
