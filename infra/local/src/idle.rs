//! `gavel-local idle`: what the running stack costs, by default over a minute. With nobody there, what it
//! costs at rest.
//!
//! CPU time is the kernel's count of each part with all it started; of Redis, how many commands its nodes
//! were asked for, those inside scripts and this program's one question included.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use gavel_local::process::tree;
use gavel_local::{Settings, paths, redis};

use crate::lock::{self, Lock};

/// How long to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let Lock::Theirs(pid) = lock::take()? else { bail!("no stack is running: `make up`") };
    let settings = Settings::read(&paths::local_dir().join("stack.env"))
        .context("the stack is starting or stopping")?;
    println!("Measuring for {} s.", arguments.seconds);
    let (since, before) = (Instant::now(), Counts::read(pid, &settings).await?);
    tokio::time::sleep(Duration::from_secs(arguments.seconds)).await;
    let after = Counts::read(pid, &settings).await?;
    // Hundredths of a percent, so that no float is needed.
    let elapsed_us = since.elapsed().as_micros().max(1);
    println!("\n  {:<24} {:>9}", "", "of a core");
    for (part, (name, spent)) in &after.cpu {
        let (_, spent_before) = before.cpu.get(part).context("a part was started meanwhile")?;
        let spent_us = spent.saturating_sub(*spent_before).as_micros();
        let hundredths = spent_us * 10_000 / elapsed_us;
        println!("  {name:<24} {:>4}.{:02} %", hundredths / 100, hundredths % 100);
    }
    let commands = u128::from(after.commands.saturating_sub(before.commands));
    println!("\n  Redis: {} commands a second", commands * 1_000_000 / elapsed_us);
    Ok(())
}

/// What has been counted so far.
struct Counts {
    /// Of each part of the stack, by process id, its name and CPU time.
    cpu: BTreeMap<i32, (String, Duration)>,
    /// Commands of Redis.
    commands: u64,
}

impl Counts {
    async fn read(stack: i32, settings: &Settings) -> Result<Self> {
        let mut commands = 0;
        for url in settings.redis_url.split(',') {
            commands += redis::commands_processed(url).await?;
        }
        let cpu = tree::children(stack).into_iter().map(|(pid, name)| {
            let spent = tree::cpu_time(pid)?;
            Ok((pid, (name, spent)))
        });
        Ok(Self { cpu: cpu.collect::<Result<_>>()?, commands })
    }
}
