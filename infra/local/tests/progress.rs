//! What `make` says of long steps: infra/local/progress around commands that print as cargo does.
//!
//! The commands are short shell scripts; nothing is built. Intervals are shortened, times are not
//! asserted but where they are the point.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use gavel_local::{paths, secret};

/// Twelve crates in a little over a second, with a warning between them, as cargo prints it all.
const BUILD: &str = r#"
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
  echo "   Compiling crate-$i v1.0.$i" >&2
  printf '    Building [====>        ] %s/12: crate-%s, other(build)      \r' $i $i >&2
  if [ $i = 6 ]; then
    printf 'warning: unused variable: `x`\n --> src/main.rs:2:17\n  |\n\n' >&2
  fi
  sleep 0.1
done
echo '    Finished `dev` profile [optimized + debuginfo] target(s) in 1.21s' >&2
"#;

const WARNING: &str = "warning: unused variable: `x`\n --> src/main.rs:2:17\n  |\n\n";

/// The command line that runs `script` with progress; both outputs are one, as in a log.
fn progress(arguments: &str, script: &str) -> Command {
    let program = paths::checkout().join("infra/local/progress/run");
    let mut command = Command::new("bash");
    let line = format!(r#"exec "$0" {arguments} -- bash -c "$@" 2>&1"#);
    command.args(["-c", &line]).arg(program).arg(script).stdin(Stdio::null());
    command
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("what it prints is UTF-8")
}

/// Waits for a file that a script writes, and gives what is in it.
fn written(path: &PathBuf) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text,
            other => assert!(Instant::now() < deadline, "{}: {other:?}", path.display()),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn scratch() -> PathBuf {
    let dir = std::env::temp_dir().join(format!("gavel-progress-{}", secret::suffix()));
    fs::create_dir_all(&dir).expect("the temporary folder takes folders");
    dir
}

#[test]
fn a_command_gets_each_of_its_arguments() {
    for python in ["/usr/bin/python3", ""] {
        let mut command = progress("linting", r#"printf '<%s>' "$@""#);
        command.args(["a", "--", "-D", "--step", "a b", ""]).env("PROGRESS_PYTHON", python);
        let output = command.output().unwrap();
        assert!(said(&output).contains("<--><-D><--step><a b><>"), "{python}: {}", said(&output));
    }
}

#[test]
fn a_log_gets_a_line_each_interval_and_warnings_whole() {
    let began = Instant::now();
    let output = progress("--step 3/4 --interval 0.5 'building the programs'", BUILD).output();
    let (output, took) = (output.unwrap(), began.elapsed());
    assert!(output.status.success());
    let said = said(&output);
    assert!(said.starts_with("[3/4] building the programs\n"), "{said}");
    assert!(said.contains(WARNING), "{said}");
    let lines: Vec<&str> = said.lines().filter(|line| line.contains(" of 12 crates, ")).collect();
    // How many half seconds they take is the machine's affair.
    let lines_max = usize::try_from(took.as_millis() / 500).unwrap();
    assert!((1..=lines_max).contains(&lines.len()), "{took:?}\n{said}");
    assert!(lines[0].ends_with("other(build)") && lines[0].contains(" s so far: "), "{said}");
    let last = said.lines().last().unwrap_or_default();
    assert!(last.starts_with("  12 crates compiled  ") && last.contains(" ok "), "{said}");
    assert!(!said.contains("Finished") && !said.contains("Building"), "{said}");
    assert!(!said.contains(['\r', '\u{1b}']), "{said:?}");
}

#[test]
fn a_log_with_the_usual_interval_gets_no_line_for_a_short_build() {
    let said = said(&progress("--step 3/4 building", BUILD).output().unwrap());
    assert_eq!(said.matches(" of 12 crates").count(), 0, "{said}");
}

#[test]
fn a_terminal_gets_one_line_that_moves() {
    let run = paths::checkout().join("infra/local/progress/run");
    let dir = scratch();
    let script = dir.join("build");
    fs::write(&script, BUILD).unwrap();
    let line = format!("{} --step 3/4 building -- bash {}", run.display(), script.display());
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR");
    let output = terminal.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success());
    let said = said(&output).replace("\r\n", "\n");
    let moves = said.matches("\u{1b}[K").count();
    assert!(moves >= 3, "it hardly moved: {said:?}");
    // What is left when every erased line is gone.
    let lines: Vec<&str> =
        said.lines().map(|line| line.rsplit("\r\u{1b}[K").next().unwrap_or(line)).collect();
    let left = lines.join("\n") + "\n";
    assert!(left.starts_with("[3/4] building\n"), "{left:?}");
    assert!(left.contains(&format!("{WARNING}  12 crates compiled")), "{left:?}");
    assert!(!left.contains('\r'), "{left:?}");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn where_nothing_is_to_be_done_nothing_is_said() {
    let finished = r#"
        printf '    Building [=============] 12/12: \r' >&2
        echo '    Finished `dev` profile target(s) in 0.1s' >&2"#;
    for script in [finished, "true"] {
        let output = progress("--step 3/4 --interval 0.01 building", script).output().unwrap();
        assert!(output.status.success());
        assert_eq!(said(&output), "", "{script}");
    }
    let total = progress("--total $(date +%s) 'installed and built'", "").output().unwrap();
    assert_eq!(said(&total), "");
    let total = progress("--total $(($(date +%s) - 75)) 'installed and built'", "").output();
    let said = said(&total.unwrap());
    assert!(said.starts_with("  installed and built  ") && said.contains("1 min 1"), "{said}");
}

#[test]
fn the_status_is_the_commands() {
    for (script, status) in [("true", 0), ("false", 1), ("exit 101", 101), ("kill -9 $$", 137)] {
        let output = progress("building", script).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{script}: {}", said(&output));
    }
    let output = progress("--step 3/4 building", "echo 'error: no' >&2; exit 101").output();
    let said = said(&output.unwrap());
    assert!(said.starts_with("[3/4] building\nerror: no\n") && said.contains("FAILED"), "{said}");
}

#[test]
fn what_a_command_prints_is_passed_on_before_it_ends_even_without_the_end_of_its_line() {
    let script = "printf 'Continue? [Y/n] '; read -r -t 20 answer; echo \"<$answer>\"";
    let mut command = progress("building", script);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().expect("it is piped");
    let mut question = [0; 16];
    stdout.read_exact(&mut question).unwrap();
    assert_eq!(&question, b"Continue? [Y/n] ");
    // Too late where the question came with the end only.
    child.stdin.take().expect("it is piped").write_all(b"yes\n").ok();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("<yes>\n"), "{rest}");
    assert!(child.wait().unwrap().success());
}

#[test]
fn waiting_for_another_cargo_is_said_at_once() {
    let script =
        "echo '    Blocking waiting for file lock on build directory' >&2; sleep 0.2; exit 0";
    let said = said(&progress("--step 3/4 building", script).output().unwrap());
    let expected = "[3/4] building\n  another cargo is at work, \
                    waiting for file lock on build directory\n";
    assert!(said.starts_with(expected), "{said}");
}

/// A command with a child and a grandchild that would all run for minutes; gives their ids, too.
fn family(dir: &std::path::Path) -> (Child, Vec<String>) {
    let pids = dir.join("pids");
    let script = format!(
        r#"bash -c 'sleep 300 & echo $! >{0}.new; wait' &
           until [ -s {0}.new ]; do sleep 0.02; done
           echo $$ $! $(cat {0}.new) >{0}; wait"#,
        pids.display()
    );
    let mut command = progress("building", &script);
    // Not in the group of the tests, and not that of a terminal.
    let child = std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = child.stdout(Stdio::null()).spawn().expect("bash is there");
    let pids = written(&pids).split_whitespace().map(str::to_owned).collect();
    (child, pids)
}

#[test]
fn a_signal_reaches_everybody_under_it() {
    for (name, number) in [("TERM", 15), ("HUP", 1), ("INT", 2)] {
        let dir = scratch();
        let (mut child, pids) = family(&dir);
        assert_eq!(pids.len(), 3);
        let told = Command::new("kill").args(["-s", name, &child.id().to_string()]).status();
        assert!(told.unwrap().success());
        let deadline = Instant::now() + Duration::from_secs(20);
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(Instant::now() < deadline, "{name} did not end it"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        // Shells ignore SIGINT for what runs in their background, so that one leaves a sleeper.
        let alive = |pid: &&String| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ")
        };
        while number != 2 && pids.iter().any(|pid| alive(&pid)) {
            let left: Vec<_> = pids.iter().filter(alive).collect();
            assert!(Instant::now() < deadline, "{name} left {left:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(status.signal(), Some(number), "{name}: {status}");
        if number == 2 {
            Command::new("kill").args(&pids).stderr(Stdio::null()).status().ok();
        }
        fs::remove_dir_all(dir).unwrap();
    }
}

#[test]
fn without_python_the_time_is_told_nevertheless() {
    let mut command = progress("--step 1/4 --interval 0.1 installing", "sleep 2; exit 7");
    let output = command.env("PROGRESS_PYTHON", "").output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    let said = said(&output);
    let mut lines = said.lines();
    assert_eq!(lines.next(), Some("[1/4] installing"));
    assert!(lines.clone().count() > 0 && lines.all(|line| line.ends_with(" s so far")), "{said}");
}

#[test]
fn the_rest_is_guessed_from_the_latest_rate_and_not_in_the_first_seconds() {
    // A build whose crates become larger, as Gavel's do, and which takes 800 s.
    let script = r#"
import sys
sys.path.insert(0, sys.argv[1])
from build import Build
build, told = Build(), {}
for second in range(800):
    left = (1 - second / 800) ** 2.5
    build.see(float(second), round(600 * (1 - left)), 600, "serde")
    told[second] = build.tell(second, second)
for second in (10, 200, 400, 700):
    print(told[second])
"#;
    let mut python = Command::new("/usr/bin/python3");
    python.args(["-Bc", script]).arg(paths::checkout().join("infra/local/progress"));
    assert_eq!(
        said(&python.output().unwrap()),
        "19 of 600 crates, 10 s so far: serde\n\
         308 of 600 crates, 3 min 20 s so far, about 10 min left: serde\n\
         494 of 600 crates, 6 min 40 s so far, about 7 min left: serde\n\
         597 of 600 crates, 11 min 40 s so far, about 2 min left: serde\n"
    );
}

#[test]
fn an_installation_that_goes_well_is_quiet_and_one_that_fails_is_not() {
    let quietly = paths::checkout().join("infra/local/progress/quietly");
    for (script, status, expected) in
        [("echo Unpacking; echo more >&2", 0, ""), ("echo No space; exit 100", 100, "No space\n")]
    {
        let output = Command::new(&quietly).args(["bash", "-c", script]).output().unwrap();
        assert_eq!(output.status.code(), Some(status));
        assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
        assert!(output.stdout.is_empty());
    }
}
