//! What Gavel is deployed with, as far as it can be tried without an account and without Docker: the
//! stacks, made in the emulator and run on; each role's permissions against the calls it makes; the
//! Kubernetes manifests against the programs they run.

mod compose;
mod manifests;
mod permissions;
mod stacks;
