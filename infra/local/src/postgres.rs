//! PostgreSQL in a data folder of its own.
//!
//! It refuses to run as root. When we are root it runs as the account `postgres` that Debian's
//! package makes, and if that account cannot reach the checkout (say, below /root) the data goes to
//! `/var/tmp` and `<data folder>/postgres.location` says where. It listens on 127.0.0.1 only, with a password.
//!
//! Tests switch `fsync` off: killing the process still loses nothing, only a power cut would.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::ports::Port;
use crate::process::{Process, Spec};
use crate::service::{Probe, Service};
use crate::{limits, paths, secret};

/// The account PostgreSQL runs as when we are root.
const ACCOUNT: &str = "postgres";

/// The file that says where the data is, when it is not in the stack's folder.
const LOCATION: &str = "postgres.location";

/// PostgreSQL, its address and its credentials.
#[derive(Debug)]
pub struct Postgres {
    /// Its process.
    pub service: Service,
    password: String,
}

impl Postgres {
    /// Makes the data folder if there is none, starts PostgreSQL and waits until it is ready.
    ///
    /// # Errors
    /// When it is not installed, cannot make its data folder, or does not start.
    pub async fn start(dir: &Path, logs: &Path, port: Port, durable: bool) -> Result<Self> {
        let account = rustix::process::getuid().is_root().then(|| ACCOUNT.to_owned());
        let data = data_folder(dir, account.as_deref())?;
        let password = password(dir)?;
        if !data.join("PG_VERSION").exists() {
            make_cluster(&data, logs, account.as_deref(), &password, durable).await?;
        }
        let home = data.parent().unwrap_or(dir).to_path_buf();
        let mut spec = Spec::new("postgres", paths::installed("postgres")?, home, logs);
        let number = port.number().to_string();
        spec = spec.args(["-D", &data.display().to_string(), "-p", &number]);
        spec = spec.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        if !durable {
            spec = spec.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
        }
        spec.account = account;
        // SIGINT: roll back open transactions and stop; SIGTERM would wait for clients to leave.
        spec.stop_signal = Signal::INT;
        // SIGQUIT: stop at once but give the shared memory back, which SIGKILL would leak.
        spec.abandon_signal = Signal::QUIT;
        let probe = Probe::Postgres(url(&port, &password, "postgres"));
        let mut service = Service::new(spec, probe, port);
        service.start().await?;
        Ok(Self { service, password })
    }

    /// The URL of one of its databases.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let (password, address) = (&self.password, self.service.address());
        format!("postgres://{ACCOUNT}:{password}@{address}/{database}")
    }

    /// Creates a database unless it is there.
    ///
    /// # Errors
    /// When PostgreSQL cannot be reached or refuses.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        if !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
            bail!("a database name of other than a-z, 0-9 and _: {name:?}");
        }
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        let there = sqlx::query("select 1 from pg_database where datname = $1");
        if there.bind(name).fetch_optional(&mut connection).await?.is_none() {
            // A name cannot be a parameter of this statement; its letters were checked above.
            let create = AssertSqlSafe(format!("create database \"{name}\""));
            sqlx::query(create).execute(&mut connection).await?;
        }
        connection.close().await?;
        Ok(())
    }
}

fn url(port: &Port, password: &str, database: &str) -> String {
    format!("postgres://{ACCOUNT}:{password}@{}/{database}", port.address())
}

/// `initdb` into a folder beside the final one, which gets its name only when complete.
async fn make_cluster(
    data: &Path,
    logs: &Path,
    account: Option<&str>,
    password: &str,
    durable: bool,
) -> Result<()> {
    let home = data.parent().context("the data folder has a parent")?;
    let new = home.join("cluster.new");
    let password_file = home.join("initdb.password");
    fs::remove_dir_all(&new).or_else(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(e),
    })?;
    write_private(&password_file, password)?;
    if let Some(account) = account {
        let status = Command::new("chown").arg(account).arg(&password_file).status()?;
        if !status.success() {
            bail!("giving {} to {account} failed", password_file.display());
        }
    }
    let spec = Spec::new("initdb", paths::installed("initdb")?, home.to_path_buf(), logs);
    let mut spec = spec.args(["--username", ACCOUNT, "--auth", "scram-sha-256", "--pwfile"]);
    spec = spec.args([password_file.display().to_string()]);
    spec = spec.args(["--encoding", "UTF8", "--locale", "C", "-D", &new.display().to_string()]);
    if !durable {
        spec = spec.args(["--no-sync"]);
    }
    spec.account = account.map(str::to_owned);
    let made = Process::new(spec).run(limits::READY_WITHIN).await;
    fs::remove_file(&password_file)?;
    made?;
    fs::rename(&new, data).with_context(|| format!("naming {}", data.display()))
}

/// The cluster's folder, inside a folder that belongs to the account PostgreSQL runs as.
fn data_folder(dir: &Path, account: Option<&str>) -> Result<PathBuf> {
    let Some(account) = account else {
        let home = dir.join("postgres");
        fs::create_dir_all(&home)?;
        return Ok(home.join("cluster"));
    };
    let home = if can_reach(account, dir)? {
        dir.join("postgres")
    } else {
        let location = dir.join(LOCATION);
        let kept = fs::read_to_string(&location).ok().map(|kept| PathBuf::from(kept.trim()));
        let elsewhere = kept.unwrap_or_else(|| {
            PathBuf::from(format!("/var/tmp/gavel-postgres-{}", secret::suffix()))
        });
        fs::write(location, format!("{}\n", elsewhere.display()))?;
        elsewhere
    };
    let mut install = Command::new("install");
    install.args(["-d", "-m", "700", "-o", account, "-g", account]).arg(&home);
    if !install.status()?.success() {
        bail!("making {} for the account {account} failed", home.display());
    }
    Ok(home.join("cluster"))
}

/// Removes the data of a stack that goes, if it is not in the stack's folder.
pub(crate) fn remove_data_elsewhere(dir: &Path) {
    if let Ok(elsewhere) = fs::read_to_string(dir.join(LOCATION)) {
        fs::remove_dir_all(elsewhere.trim()).ok();
    }
}

fn can_reach(account: &str, dir: &Path) -> Result<bool> {
    let mut test = Command::new(paths::installed("setpriv")?);
    test.args([&format!("--reuid={account}"), &format!("--regid={account}"), "--clear-groups"]);
    test.args(["--", "test", "-x"]).arg(dir);
    Ok(test.stderr(std::process::Stdio::null()).status()?.success())
}

/// The password of this data folder: made once, kept beside it.
fn password(dir: &Path) -> Result<String> {
    let path = dir.join("postgres.password");
    if let Ok(kept) = fs::read_to_string(&path) {
        return Ok(kept);
    }
    let made = secret::key();
    write_private(&path, &made)?;
    Ok(made)
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    options.create(true).truncate(true).write(true).mode(0o600);
    let mut file = options.open(path).with_context(|| format!("writing {}", path.display()))?;
    Ok(file.write_all(text.as_bytes())?)
}
