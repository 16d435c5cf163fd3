//! Starts the built `gavel-host` on a free port with the fixture component, and an upstream for it
//! to talk to. Every test has its own of both.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How long anything in these tests may take before it counts as hanging. Starting compiles the
/// fixture, which takes a second or two, and on a busy machine its minute.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// The fixture component.
pub(crate) fn fixture() -> PathBuf {
    component("gavel_host_guest")
}

/// A component of this workspace, or a failure that says how to get it.
pub(crate) fn component(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let wasm = root.join(format!("target/wasm32-wasip2/release/{name}.wasm"));
    assert!(wasm.exists(), "{} is missing: run infra/local/build-wasm first", wasm.display());
    wasm.canonicalize().unwrap()
}

/// A manifest that runs the fixture on every path; `component` adds lines to its table.
pub(crate) fn manifest(component: &str) -> String {
    format!(
        "spin_manifest_version = 2\n\
         [application]\n\
         name = \"fixture\"\n\
         [variables]\n\
         greeting = {{ default = \"hello\" }}\n\
         upstream = {{ default = \"http://unused.invalid\" }}\n\
         password = {{ default = \"hunter2\", secret = true }}\n\
         [[trigger.http]]\n\
         route = \"/...\"\n\
         component = \"guest\"\n\
         [component.guest]\n\
         source = {:?}\n\
         {component}\n",
        fixture()
    )
}

/// A running host. Killed when dropped.
pub(crate) struct Host {
    pub(crate) url: String,
    pub(crate) folder: TempDir,
    child: Child,
    log: tokio::task::JoinHandle<String>,
    pub(crate) client: reqwest::Client,
}

/// A host that has ended: its exit code and everything it logged.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) log: String,
}

/// A command for the host with `manifest` in a new folder on the address `listen`, and nothing of this process's environment
/// that could change it.
pub(crate) fn command(manifest: &str, listen: &str, arguments: &[&str]) -> (Command, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spin.toml");
    std::fs::write(&path, manifest).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gavel-host"));
    command.args(["up", "--listen", listen, "--from"]).arg(&path).args(arguments);
    if !arguments.contains(&"--cache-dir") {
        command.args(["--cache-dir", concat!(env!("CARGO_TARGET_TMPDIR"), "/compiled")]);
    }
    command.env_clear().env("RUST_LOG", "debug").kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    (command, folder)
}

/// Runs a host that is expected not to start.
pub(crate) async fn refusal(manifest: &str, arguments: &[&str]) -> Ended {
    let (mut command, _folder) = command(manifest, "127.0.0.1:0", arguments);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ended").unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "nothing is served");
    Ended { code: output.status.code(), log: String::from_utf8_lossy(&output.stderr).into_owned() }
}

impl Host {
    /// Starts a host and waits until it serves.
    pub(crate) async fn start(manifest: &str, arguments: &[&str]) -> Self {
        let (mut command, folder) = command(manifest, "127.0.0.1:0", arguments);
        let mut child = command.spawn().unwrap();
        let mut errors = child.stderr.take().unwrap();
        #[expect(clippy::disallowed_methods, reason = "ends with the child, whose log it collects")]
        let log = tokio::spawn(async move {
            let mut log = String::new();
            errors.read_to_string(&mut log).await.unwrap();
            log
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line =
            tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it started").unwrap();
        let Some(line) = line else {
            panic!("the host did not start:\n{}", log.await.unwrap());
        };
        let url = line.strip_prefix("Serving ").unwrap().to_owned();
        let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        Self { url, folder, child, log, client }
    }

    /// Starts the fixture with the default store.
    pub(crate) async fn fixture(arguments: &[&str]) -> Self {
        Self::start(&manifest("key_value_stores = [\"default\"]"), arguments).await
    }

    /// Starts the fixture with an upstream that it may talk to.
    pub(crate) async fn with_upstream(upstream: &Upstream, arguments: &[&str]) -> Self {
        let manifest = manifest(
            "allowed_outbound_hosts = [\"{{ upstream }}\", \"http://127.0.0.1:1\", \"http://nowhere.invalid\"]",
        );
        let upstream = format!("upstream={}", upstream.url);
        Self::start(&manifest, &[arguments, &["--variable", &upstream]].concat()).await
    }

    /// The address of the host, without the scheme.
    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    /// GET, as a status and a body.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let response = self.client.get(format!("{}{path}", self.url)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The body of a GET that succeeds.
    pub(crate) async fn text(&self, path: &str) -> String {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().expect("it is running").to_string();
        let killed = std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(killed.success());
    }

    /// Waits for the end.
    pub(crate) async fn ended(mut self) -> Ended {
        let status =
            tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ended").unwrap();
        Ended { code: status.code(), log: self.log.await.unwrap() }
    }

    /// Stops the host and returns what it logged.
    pub(crate) async fn stop(self) -> Ended {
        self.terminate();
        self.ended().await
    }
}

/// An upstream whose path says how it misbehaves.
pub(crate) struct Upstream {
    pub(crate) url: String,
    /// What holds the answers to `/held` back until it is told otherwise.
    pub(crate) held: Arc<Semaphore>,
    connections: Arc<AtomicUsize>,
    _server: JoinSet<()>,
}

impl Upstream {
    /// Starts it on a free port.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let held = Arc::new(Semaphore::new(0));
        let (accepted, holding) = (Arc::clone(&connections), Arc::clone(&held));
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut talks = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                accepted.fetch_add(1, Ordering::Relaxed);
                talks.spawn(talk(stream, Arc::clone(&holding)));
            }
        });
        Self { url, held, connections, _server: server }
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn talk(stream: TcpStream, held: Arc<Semaphore>) {
    let mut stream = BufReader::new(stream);
    // A TLS greeting: answered as a plain HTTP server would.
    if stream.fill_buf().await.is_ok_and(|bytes| bytes.first().is_some_and(|byte| *byte < b'A')) {
        drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
        return;
    }
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        if path == "/held" {
            drop(held.acquire().await);
        }
        let answer: &[u8] = match path.as_str() {
            "/silent" => b"",
            "/half" => b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
            "/close" => return,
            _ => b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nup",
        };
        if stream.write_all(answer).await.is_err() || path == "/last" {
            return;
        }
    }
}

/// Waits until `condition` holds, and says what it was waiting for if it never does.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < PATIENCE, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
