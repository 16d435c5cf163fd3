//! `gavel-local provision`: furnishes an emulator that somebody else started, as `compose.yaml` does.
//!
//! Starts nothing. The file it writes is the `stack.env` of that stack, with the addresses it was
//! told. It is not for AWS: there, the templates of infra/cloudformation make everything.

use std::path::PathBuf;

use anyhow::{Result, bail};
use gavel_local::aws::Clients;
use gavel_local::provision::{self, Names};
use gavel_local::{Settings, secret, stack};

/// Where the parts of that stack are, as its other parts see them.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The emulator.
    #[arg(long)]
    aws_url: String,
    /// The fake of Amazon IVS, which the emulator lacks.
    #[arg(long)]
    ivs_url: String,
    /// The edge.
    #[arg(long)]
    edge_url: String,
    /// The workers.
    #[arg(long)]
    workers_url: String,
    /// Redis.
    #[arg(long)]
    redis_url: String,
    /// PostgreSQL.
    #[arg(long)]
    database_url: String,
    /// The file to write, readable by its owner only.
    #[arg(long)]
    write: PathBuf,
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    if arguments.aws_url.contains("amazonaws.com") {
        bail!("this makes sample accounts, for an emulator only");
    }
    // Keys and password stay what they were, so that a restart of one part does not cut off the others.
    let before = Settings::read(&arguments.write).ok();
    let password = before.as_ref().map_or_else(secret::password, |old| old.password.clone());
    let clients = Clients::new(&arguments.aws_url);
    let made = provision::provision(&clients, &Names::new(""), &password).await?;
    let fresh = stack::settings(made, &password);
    let (edge_key, link_key, playback_key) = match before {
        Some(old) => (old.edge_key, old.link_key, old.playback_key),
        None => (fresh.edge_key.clone(), fresh.link_key.clone(), fresh.playback_key.clone()),
    };
    let settings = Settings {
        edge_key,
        link_key,
        playback_key,
        public_url: arguments.edge_url.clone(),
        edge_url: arguments.edge_url,
        workers_url: arguments.workers_url,
        redis_url: arguments.redis_url,
        redis_cluster: false.to_string(),
        database_url: arguments.database_url,
        aws_endpoint_url: arguments.aws_url,
        aws_ivs_endpoint_url: arguments.ivs_url,
        ..fresh
    };
    settings.write(&arguments.write)?;
    println!("Made what was missing and wrote {}", arguments.write.display());
    Ok(())
}
