//! What Spin's loader takes and refuses, as a table: each row with the place of its rule in Spin's
//! sources. The invariant it proves: nothing that Spin refuses is taken here, and a message names
//! `gavel-host` exactly where Spin would have taken the manifest.

use super::parse;

const BASE: &str = "spin_manifest_version = 2\n[application]\nname = \"t\"\n[[trigger.http]]\n\
                    route = \"/...\"\ncomponent = \"c\"\n[component.c]\nsource = \"c.wasm\"\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Both take it.
    Taken,
    /// Both refuse it.
    Refused,
    /// Spin takes it, this host names what it lacks.
    Unsupported,
}

use Verdict::{Refused, Taken, Unsupported};

fn verdict(text: &str) -> Verdict {
    match parse(text) {
        Ok(_) => Taken,
        Err(problems) if problems.iter().all(|p| p.message.contains("gavel-host")) => Unsupported,
        Err(_) => Refused,
    }
}

/// Checks rows of a value, the verdict on it, and the rule's place in Spin.
#[track_caller]
fn check(manifest: impl Fn(&str) -> String, rows: &[(&str, Verdict, &str)]) {
    for (value, expected, place) in rows {
        let text = manifest(value);
        assert_eq!(verdict(&text), *expected, "{value} by {place}: {:?}", parse(&text).err());
    }
}

const ID: &str = "crates/serde/src/id.rs";
const HOSTS: &str = "crates/outbound-networking-config/src/allowed_hosts.rs";
const TEMPLATE: &str = "crates/expressions/src/template.rs";
const EXPRESSIONS: &str = "crates/expressions/src/lib.rs";
const V2: &str = "crates/manifest/src/schema/v2";
const COMMON: &str = "crates/manifest/src/schema/common.rs";
const LOADER: &str = "crates/loader/src/local.rs";
const ROUTES: &str = "crates/http-routes/src/lib.rs";

#[test]
fn names_of_variables_are_those_that_spin_takes() {
    let rows = [
        ("a", Taken, ID),
        ("abc_d1", Taken, ID),
        ("region_1_code", Refused, ID),
        ("a_1", Refused, ID),
        ("1a", Refused, ID),
        ("", Refused, ID),
        ("_a", Refused, ID),
        ("a_", Refused, ID),
        ("a__b", Refused, ID),
        ("a-b", Refused, ID),
        ("A_B", Refused, ID),
        ("aB", Refused, ID),
        ("a.b", Refused, ID),
        ("ä", Refused, ID),
    ];
    check(|name| format!("{BASE}[variables]\n{name:?} = {{ default = \"\" }}\n"), &rows);
    check(|name| format!("{BASE}[component.c.variables]\n{name:?} = \"\"\n"), &rows);
}

#[test]
fn ids_and_labels_are_those_that_spin_takes() {
    check(
        |id| format!("{BASE}[component.{id:?}]\nsource = \"d.wasm\"\n"),
        &[
            ("d", Taken, ID),
            ("shop-front2", Taken, ID),
            ("SHOP-front", Taken, ID),
            ("Shop", Refused, ID),
            ("shop_front", Refused, ID),
            ("shop-2", Refused, ID),
            ("shop--front", Refused, ID),
            ("", Refused, ID),
        ],
    );
    check(
        |label| format!("{BASE}key_value_stores = [{label:?}]\n"),
        &[
            ("default", Taken, V2),
            ("my-store", Unsupported, V2),
            ("my_store", Unsupported, V2),
            ("my-big_store", Refused, V2),
            ("my store", Refused, V2),
            ("2nd", Refused, V2),
        ],
    );
}

#[test]
fn patterns_of_hosts_are_those_that_spin_takes() {
    check(
        |host| format!("{BASE}allowed_outbound_hosts = [{host:?}]\n"),
        &[
            ("http://h", Taken, HOSTS),
            ("https://h:8443/", Taken, HOSTS),
            ("https://*.example.com", Taken, HOSTS),
            ("http://127.0.0.1:*", Taken, HOSTS),
            ("http://127.0.0.1:8080..8090", Taken, HOSTS),
            ("*://*:*", Taken, HOSTS),
            ("http://[::1]:80", Taken, HOSTS),
            ("http://self", Unsupported, HOSTS),
            ("http://a.spin.internal", Unsupported, HOSTS),
            ("http://10.0.0.0/8", Unsupported, HOSTS),
            ("redis://h:6379", Unsupported, HOSTS),
            ("", Refused, HOSTS),
            ("*", Refused, HOSTS),
            ("h", Refused, HOSTS),
            ("h:80", Refused, HOSTS),
            ("http://", Refused, HOSTS),
            ("http://[::1]", Refused, HOSTS),
            ("http://h/path", Refused, HOSTS),
            ("http://h:80/path", Refused, HOSTS),
            ("http://h?q", Refused, HOSTS),
            ("http://u@h", Refused, HOSTS),
            ("http://a b", Refused, HOSTS),
            ("http://h:65536", Refused, HOSTS),
            ("http://h:x", Refused, HOSTS),
            ("http://h:1..x", Refused, HOSTS),
            ("http://h:{1,2}", Refused, HOSTS),
            ("http://{a,b}", Refused, HOSTS),
            ("{http,https}://h", Refused, HOSTS),
            ("use1=http://h", Refused, HOSTS),
            ("http://a*", Refused, HOSTS),
            ("http://*.*.h", Refused, HOSTS),
            ("http://10.0.0.0/33", Refused, HOSTS),
            ("*://h", Refused, HOSTS),
            ("insecure:allow-all", Refused, HOSTS),
            ("http://{{ a", Refused, TEMPLATE),
            ("http://{{ a }}", Refused, EXPRESSIONS),
        ],
    );
    let with_default = |default: &str| {
        format!("{BASE}allowed_outbound_hosts = [\"{{{{ a }}}}\"]\n[variables]\na = {default}\n")
    };
    check(
        with_default,
        &[
            ("{ required = true }", Taken, HOSTS),
            ("{ default = \"https://unused.invalid\" }", Taken, HOSTS),
            ("{ default = \"\" }", Refused, HOSTS),
            ("{ default = \"h\" }", Refused, HOSTS),
        ],
    );
}

#[test]
fn fields_and_values_are_those_that_spin_takes() {
    check(
        |more| format!("{BASE}{more}\n"),
        &[
            ("variables = { v = \"x }}\" }", Taken, TEMPLATE),
            ("variables = { v = \"{{ a\" }", Refused, TEMPLATE),
            ("variables = { v = \"{{ a }}\" }", Refused, EXPRESSIONS),
            ("variables = { v = \"{{}}\" }", Refused, EXPRESSIONS),
            ("variables = { v = 1 }", Refused, V2),
            ("description = 1", Refused, V2),
            ("mystery = 1", Refused, V2),
            ("tool = { x = 1 }", Refused, V2),
            ("build = { command = \"make\", workdir = \".\", watch = [\"src\"] }", Taken, COMMON),
            ("build = { command = [\"make\", \"make x\"] }", Taken, COMMON),
            ("build = {}", Refused, COMMON),
            ("build = { command = 1 }", Refused, COMMON),
            ("build = { command = \"make\", wtach = [] }", Refused, COMMON),
            ("files = []", Unsupported, V2),
            ("[variables]\na = {}", Refused, LOADER),
            ("[variables]\na = { default = \"\", required = true }", Refused, LOADER),
            ("[variables]\na = { default = 1 }", Refused, COMMON),
            ("[variables]\na = { default = \"\", description = 1 }", Refused, COMMON),
            ("[variables]\na = { default = \"\", secrte = true }", Refused, COMMON),
            ("[application.tool.x]\ny = 1", Taken, V2),
            ("[mystery]", Refused, V2),
        ],
    );
    check(
        |line| BASE.replace("name = \"t\"", line),
        &[
            ("name = \"t\"\nversion = \"1\"\nauthors = [\"a\"]", Taken, V2),
            ("name = \"t\"\nversion = 1", Refused, V2),
            ("name = \"t\"\nauthors = \"a\"", Refused, V2),
            ("name = \"t\"\ntargets = []", Unsupported, V2),
            ("version = \"1\"", Refused, V2),
        ],
    );
}

#[test]
fn routes_are_those_that_spin_takes() {
    check(
        |route| format!("{BASE}[[trigger.http]]\nroute = {route:?}\ncomponent = \"c\"\n"),
        &[
            ("/a/:id/...", Taken, ROUTES),
            ("/a/*", Taken, ROUTES),
            ("/favicon.ico", Taken, ROUTES),
            ("/a/:", Refused, ROUTES),
            ("/a/*rest", Refused, ROUTES),
            ("a", Unsupported, ROUTES),
            ("/...", Unsupported, ROUTES),
            ("/.../a", Unsupported, ROUTES),
            ("/:name.json", Unsupported, ROUTES),
            ("/.well-known/spin/x", Unsupported, ROUTES),
        ],
    );
}

#[test]
fn our_own_manifest_is_taken_with_every_value_that_its_comments_name() {
    let text = include_str!("../../../../../spin.toml");
    assert_eq!(verdict(text), Taken, "{:?}", parse(text).err());
    for hosts in [
        "https://workers.example.com",
        "http://127.0.0.1:8080",
        "https://*.workers.example.com",
        "http://127.0.0.1:*",
        "http://127.0.0.1:8080..8090",
    ] {
        assert!(text.contains(hosts), "the comments do not name {hosts}");
        crate::outbound::allowed_hosts::AllowedHost::parse(hosts).expect(hosts);
    }
}
