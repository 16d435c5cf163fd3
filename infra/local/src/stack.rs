//! The whole stack: started at once where nothing depends on each other, stopped in order.
//!
//! Every part is a field, so a test can stop, kill, freeze and restart it. Dropping the stack ends
//! all of it at once; [`Stack::stop`] does so in good order. Invariant: parts are stopped from the
//! edge inwards, so nothing acknowledged is still on its way when its destination goes.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::aws::{self, Clients};
use crate::options::{Options, WorkerOptions};
use crate::postgres::{self, Postgres};
use crate::progress::Progress;
use crate::provision::{self, Maker, Names, Resources};
use crate::service::Service;
use crate::settings::Settings;
use crate::tokens::Tokens;
use crate::{Port, edge, emulator, ivs, paths, redis, secret, workers};

/// The code of its only region.
pub const REGION: &str = "use1";

/// A running stack.
#[derive(Debug)]
pub struct Stack {
    /// The edge, unless there is none. First, because fields are dropped in this order.
    pub edge: Option<Service>,
    /// The workers.
    pub workers: Vec<Service>,
    /// Redis; of a cluster the first node.
    pub redis: Service,
    /// The other nodes of a cluster.
    pub redis_others: Vec<Service>,
    /// PostgreSQL.
    pub postgres: Service,
    /// The AWS emulator. Killing it loses its state; see [`crate::emulator`].
    pub emulator: Service,
    /// The fake of Amazon IVS. It keeps its channels whatever happens to it.
    pub ivs: Service,
    /// Addresses and credentials of it all.
    pub settings: Settings,
    /// Clients of the emulator.
    pub aws: Clients,
    progress: Progress,
    dir: Dir,
}

impl Stack {
    /// Starts everything that `options` asks for and waits until it is ready.
    ///
    /// # Errors
    /// When a part is not installed or built, or does not start; the others are ended then.
    pub async fn start(mut options: Options) -> Result<Self> {
        refuse_unbuilt(&options)?;
        let maker = std::mem::take(&mut options.maker);
        let Options { ports, password, progress, durable, .. } = &options;
        let mut dir = Dir::make(&options.dir, options.keep)?;
        let (data, logs) = (dir.data(), dir.logs());
        let names = Names::new(&options.suffix);
        let services = match &maker {
            Maker::Ours => emulator::OUR_SERVICES,
            Maker::Other(_) => emulator::ALL_SERVICES,
        };
        let mut emulator = emulator::service(&data, &logs, ports.aws.clone(), services)?;
        let clients = Clients::new(&emulator.url());
        let mut ivs = ivs::service(&data, &logs, ports.ivs.clone())?;

        let database = format!("gavel{}", options.suffix.replace('-', "_"));
        let start_postgres = async {
            let port = ports.postgres.clone();
            let postgres = Postgres::start(&data, &logs, port, *durable).await?;
            postgres.create_database(&database).await?;
            Ok(postgres)
        };
        let start_aws = async {
            progress.step("AWS emulator", emulator.start()).await?;
            let resources = async {
                match maker {
                    Maker::Ours => provision::provision(&clients, &names, password).await,
                    Maker::Other(make) => make(ports.aws.url(), password.clone()).await,
                }
            };
            progress.step("user pool, accounts, queues, tables, e-mail", resources).await
        };
        let ((redis, redis_others), postgres, resources, ()) = tokio::try_join!(
            progress.step("Redis", start_redis(&options, &dir)),
            progress.step("PostgreSQL", start_postgres),
            start_aws,
            progress.step("fake IVS", ivs.start()),
        )?;

        let settings = Settings {
            edge_url: ports.edge.url(),
            public_url: ports.edge.url(),
            workers_url: ports.workers.url(),
            redis_url: redis::urls([&redis].into_iter().chain(&redis_others)),
            redis_cluster: (!redis_others.is_empty()).to_string(),
            database_url: postgres.url(&database),
            aws_endpoint_url: emulator.url(),
            aws_ivs_endpoint_url: ivs.url(),
            ..settings(resources, password)
        };
        let ports = worker_ports(&options)?;
        let serving = options.workers.iter().zip(&ports).filter(|(worker, _)| worker.serves());
        let urls: Vec<String> = serving.map(|(_, port)| port.url()).collect();
        let (workers, edge) = tokio::try_join!(
            start_workers(&options, ports, &settings, &dir),
            start_edge(&options, &urls, &settings, &dir),
        )?;
        dir.started = true;
        let (postgres, progress) = (postgres.service, *progress);
        Ok(Self {
            edge,
            workers,
            redis,
            redis_others,
            postgres,
            emulator,
            ivs,
            settings,
            aws: clients,
            progress,
            dir,
        })
    }

    /// Starts one more worker, on a free port.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn add_worker(&mut self, options: &WorkerOptions) -> Result<&mut Service> {
        let (port, data, logs) = (Port::free()?, self.dir.data(), self.dir.logs());
        let mut worker = workers::service(&self.settings, options, port, &data, &logs)?;
        worker.start().await?;
        self.workers.push(worker);
        Ok(self.workers.last_mut().expect("it was pushed on the line above"))
    }

    /// Signs in one of the accounts that have the stack's password.
    ///
    /// # Errors
    /// When Cognito cannot be reached or does not know the account.
    pub async fn sign_in(&self, account: &str) -> Result<Tokens> {
        let Settings { app_client_id, password, .. } = &self.settings;
        provision::sign_in(&self.aws.cognito, app_client_id, account, password).await
    }

    /// Makes another account with the stack's password.
    ///
    /// # Errors
    /// When Cognito cannot be reached or refuses.
    pub async fn add_account(&self, account: &str, groups: &[&str]) -> Result<()> {
        let Settings { user_pool_id, password, .. } = &self.settings;
        provision::add_user(&self.aws.cognito, user_pool_id, account, password, groups).await
    }

    /// The nodes of Redis, in the order of their slots.
    pub fn redis_nodes(&self) -> impl Iterator<Item = &Service> {
        [&self.redis].into_iter().chain(&self.redis_others)
    }

    /// The folder of the logs.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.dir.logs()
    }

    /// Every part, from the edge inwards.
    pub fn services(&mut self) -> impl Iterator<Item = &mut Service> {
        let Self { edge, workers, redis, redis_others, postgres, emulator, ivs, .. } = self;
        let stores = [redis].into_iter().chain(redis_others).chain([postgres, emulator, ivs]);
        edge.iter_mut().chain(workers).chain(stores)
    }

    /// Stops everything in good order: the edge, the workers, then what they depend on.
    ///
    /// # Errors
    /// When the end of a part cannot be waited for.
    pub async fn stop(mut self) -> Result<()> {
        let progress = self.progress;
        if let Some(edge) = &mut self.edge {
            progress.step("stopping the edge", edge.stop()).await?;
        }
        let workers = futures::future::try_join_all(self.workers.iter_mut().map(Service::stop));
        progress.step("stopping the workers", workers).await?;
        let redis = [&mut self.redis].into_iter().chain(&mut self.redis_others);
        let redis = futures::future::try_join_all(redis.map(Service::stop));
        tokio::try_join!(
            progress.step("stopping Redis", redis),
            progress.step("stopping PostgreSQL", self.postgres.stop()),
            progress.step("stopping the AWS emulator", self.emulator.stop()),
            progress.step("stopping the fake IVS", self.ivs.stop()),
        )?;
        Ok(())
    }
}

/// Better said before anything is started than after.
fn refuse_unbuilt(options: &Options) -> Result<()> {
    if !options.workers.is_empty() {
        paths::built("gavel")?;
    }
    if options.edge {
        paths::built("gavel-host")?;
        edge::refuse_unbuilt()?;
    }
    Ok(())
}

/// What a client of these resources must be told; the addresses of everything else are left out.
#[must_use]
pub fn settings(made: Resources, password: &str) -> Settings {
    let [seller, bidder_1, bidder_2, admin] =
        provision::ACCOUNTS.map(|(name, _)| format!("{name}{}", made.account_suffix));
    Settings {
        region: REGION.to_owned(),
        edge_key: secret::key(),
        playback_key: secret::signing_key(),
        link_key: secret::key(),
        aws_region: aws::REGION.to_owned(),
        aws_access_key_id: aws::ACCESS_KEY.to_owned(),
        aws_secret_access_key: aws::ACCESS_KEY.to_owned(),
        user_pool_id: made.user_pool_id,
        app_client_id: made.app_client_id,
        other_app_client_id: made.other_app_client_id,
        cognito_region: aws::REGION.to_owned(),
        issuer: made.issuer,
        bid_queue_url: made.bid_queue_url,
        bid_dead_letter_queue_url: made.bid_dead_letter_queue_url,
        notification_queue_url: made.notification_queue_url,
        chat_queue_url: made.chat_queue_url,
        email_feedback_queue_url: made.email_feedback_queue_url,
        email_configuration_set: made.email_configuration_set,
        email_from: made.email_from,
        bids_table: made.bids_table,
        chat_table: made.chat_table,
        seller,
        bidder_1,
        bidder_2,
        admin,
        password: password.to_owned(),
        ..Settings::default()
    }
}

/// The first node and the others.
async fn start_redis(options: &Options, dir: &Dir) -> Result<(Service, Vec<Service>)> {
    let (data, logs, port) = (dir.data(), dir.logs(), options.ports.redis.clone());
    if options.redis_nodes == 1 {
        let mut only = redis::service(&data, &logs, port)?;
        only.start().await?;
        return Ok((only, Vec::new()));
    }
    let mut ports = vec![port];
    while ports.len() < options.redis_nodes {
        ports.push(Port::free()?);
    }
    let mut nodes = redis::cluster(&data, &logs, ports).await?;
    let others = nodes.split_off(1);
    Ok((nodes.pop().context("Redis has at least one node")?, others))
}

/// A port for each worker; the first has the one that was asked for.
fn worker_ports(options: &Options) -> Result<Vec<Port>> {
    let mut ports = vec![options.ports.workers.clone()];
    while ports.len() < options.workers.len() {
        ports.push(Port::free()?);
    }
    Ok(ports)
}

async fn start_workers(
    options: &Options,
    ports: Vec<Port>,
    settings: &Settings,
    dir: &Dir,
) -> Result<Vec<Service>> {
    let (data, logs, progress) = (dir.data(), dir.logs(), options.progress);
    let mut started = Vec::new();
    if options.workers.is_empty() {
        return Ok(started);
    }
    progress.step("database migrations", workers::migrate(settings, &data, &logs)).await?;
    for (worker, port) in options.workers.iter().zip(ports) {
        let mut service = workers::service(settings, worker, port, &data, &logs)?;
        progress.step(&worker.name, service.start()).await?;
        started.push(service);
    }
    Ok(started)
}

async fn start_edge(
    options: &Options,
    workers: &[String],
    settings: &Settings,
    dir: &Dir,
) -> Result<Option<Service>> {
    if !options.edge {
        return Ok(None);
    }
    let port = options.ports.edge.clone();
    let mut service = edge::service(settings, options, workers, port, &dir.data(), &dir.logs())?;
    options.progress.step("edge", service.start()).await?;
    Ok(Some(service))
}

/// The folder of a stack; it goes with the stack unless it is to be kept or something went wrong.
#[derive(Debug)]
struct Dir {
    path: PathBuf,
    keep: bool,
    started: bool,
}

impl Dir {
    fn make(path: &Path, keep: bool) -> Result<Self> {
        let made = Self { path: path.to_path_buf(), keep, started: false };
        for folder in [&made.data(), &made.logs()] {
            // Open to others, since PostgreSQL may run as another account; the files are private.
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(folder)
                .with_context(|| format!("making {}", folder.display()))?;
        }
        Ok(made)
    }

    fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        if self.started && !std::thread::panicking() {
            postgres::remove_data_elsewhere(&self.data());
            fs::remove_dir_all(&self.path).ok();
        } else {
            eprintln!("the logs of this stack are kept in {}", self.logs().display());
        }
    }
}
