//! Starts the bench; see `gavel-load --help`.

use anyhow::Result;
use clap::Parser as _;
use gavel_load::options::Options;

fn main() -> Result<()> {
    gavel_load::run(&Options::parse())
}
