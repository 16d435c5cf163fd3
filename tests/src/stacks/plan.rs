//! Which stacks there are, in the order they are made, and what an emulator must be told about each.
//!
//! A new template needs a line here; a test holds this list and the folder together.

/// One stack of a deployment.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Its name.
    pub name: &'static str,
    /// Its template, without `.yaml`.
    pub template: &'static str,
    /// Parameters that differ from their defaults.
    pub parameters: &'static [(&'static str, &'static str)],
    /// What an update of it changes.
    pub change: (&'static str, &'static str),
}

/// A certificate nobody has.
const CERTIFICATE: (&str, &str) = (
    "CertificateArn",
    "arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-0000-0000-000000000000",
);

/// Who deploys.
const REPOSITORY: (&str, &str) = ("GitHubRepository", "example/gavel");

/// The emulator has no type for the account's provider of GitHub's tokens.
const PROVIDER: (&str, &str) = (
    "GitHubProviderArn",
    "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com",
);

/// The roles of `gavel run --roles`.
pub const ROLES: [&str; 7] = ["api", "relay", "history", "timer", "video", "notify", "chat"];

/// All stacks but the services. Each one imports only from those before it.
const SHARED: [Plan; 9] = [
    plan("network", &[], ("Nat", "single")),
    plan("identity", &[], ("Mfa", "OFF")),
    plan("queues", &[], ("EmailDomain", "other.example")),
    // The emulator's RDS keeps no passwords.
    plan("data", &[("DatabasePassword", "fixed")], ("DatabaseClass", "db.t4g.large")),
    plan("delivery", &[REPOSITORY, PROVIDER], ("GitHubEnvironment", "production")),
    plan("workers", &[CERTIFICATE], ("LogDays", "60")),
    plan("edge", &[CERTIFICATE, ("Image", "gavel-edge:1")], ("Image", "gavel-edge:2")),
    plan("rotation", &[], ("OnRotation", "DISABLED")),
    plan("monitoring", &[], ("DatabaseFreeMemoryMinBytes", "300000000")),
];

const fn plan(
    name: &'static str,
    parameters: &'static [(&'static str, &'static str)],
    change: (&'static str, &'static str),
) -> Plan {
    Plan { name, template: name, parameters, change }
}

const fn service(name: &'static str, parameters: &'static [(&'static str, &'static str)]) -> Plan {
    Plan { name, template: "service", parameters, change: ("Image", "gavel-workers:2") }
}

const IMAGE: (&str, &str) = ("Image", "gavel-workers:1");

/// The migration, and one for each of [`ROLES`].
const SERVICES: [Plan; 8] = [
    service("migrate", &[("Role", "migrate"), IMAGE]),
    service("api", &[("Role", "api"), IMAGE]),
    service("relay", &[("Role", "relay"), IMAGE]),
    service("history", &[("Role", "history"), IMAGE]),
    service("timer", &[("Role", "timer"), IMAGE]),
    service("video", &[("Role", "video"), IMAGE]),
    service("notify", &[("Role", "notify"), IMAGE]),
    service("chat", &[("Role", "chat"), IMAGE]),
];

/// All stacks, in order.
pub fn all() -> impl Iterator<Item = Plan> {
    SHARED.into_iter().chain(SERVICES)
}
