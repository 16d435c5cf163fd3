//! Manifests that are read, and manifests that are refused line by line.

use super::parse;

const MINIMAL: &str = r#"spin_manifest_version = 2
[application]
name = "t"
[[trigger.http]]
route = "/..."
component = "c"
[component.c]
source = "c.wasm"
"#;

/// Parses the minimal manifest plus `more`, which begins on line 9.
#[track_caller]
fn check(more: &str, expected: &[&str]) {
    check_text(&format!("{MINIMAL}{more}"), expected);
}

#[track_caller]
fn check_text(text: &str, expected: &[&str]) {
    let problems: Vec<String> = match parse(text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|p| format!("{}: {}", p.line, p.message)).collect(),
    };
    assert_eq!(problems, expected, "\n{text}");
}

#[test]
fn the_manifest_of_this_repository_is_read() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spin.toml");
    let manifest = super::load(&path).unwrap();
    assert_eq!(manifest.name, "gavel");
    assert!(manifest.variables["edge_key"].secret);
    assert_eq!(manifest.variables["edge_key"].default, None);
    assert_eq!(manifest.triggers[0].route.value, "/...");
    let gateway = &manifest.components["gateway"];
    assert!(gateway.source.value.ends_with("gavel_gateway.wasm"));
    assert_eq!(gateway.key_value_stores[0].value, "default");
    assert!(gateway.variables.contains_key("edge_key"));
}

#[test]
fn what_spin_ignores_at_run_time_is_passed_over() {
    check("", &[]);
    check(
        "description = \"d\"\n[component.c.build]\ncommand = \"make\"\nwatch = [\"src\"]\n\
         [component.c.tool.x]\na = 1\n[application.tool.y]\nb = 2\n",
        &[],
    );
}

#[test]
fn every_unsupported_field_of_a_component_is_refused() {
    let unsupported =
        |field: &str| format!("9: gavel-host does not support component.c.{field}; Spin does");
    for field in [
        "environment",
        "files",
        "exclude_files",
        "sqlite_databases",
        "ai_models",
        "dependencies",
        "targets",
        "profile",
        "dependencies_inherit_configuration",
    ] {
        check(&format!("{field} = {{}}\n"), &[&unsupported(field)]);
    }
    let source = "spin_manifest_version = 2\napplication = { name = \"t\" }\n\
                  trigger.http = [{ route = \"/\", component = \"c\" }]\n\
                  component.c.source = { url = \"https://h/x\", digest = \"sha256:0\" }\n";
    let refused = parse(source).unwrap_err();
    assert_eq!(refused[0].line, 4);
    assert!(
        refused[0].message.contains("component.c.source from a URL or registry"),
        "{refused:?}"
    );
}

#[test]
fn unsupported_triggers_are_refused() {
    check(
        "[[trigger.redis]]\nchannel = \"x\"\n",
        &["9: gavel-host does not support trigger.redis; Spin does"],
    );
    check(
        "[[trigger.http]]\nroute = { private = true }\ncomponent = \"c\"\n",
        &["10: gavel-host does not support a private route; Spin does"],
    );
    check(
        "[[trigger.http]]\nroute = \"/x\"\nstatic_response = { status_code = 404 }\n",
        &["11: gavel-host does not support static_response; Spin does"],
    );
    check(
        "[[trigger.http]]\nroute = \"/x\"\ncomponent = \"c\"\ndependencies.middleware = []\n",
        &["12: gavel-host does not support trigger.http.dependencies; Spin does"],
    );
    check(
        "[[trigger.http]]\nroute = \"/x\"\ncomponent = \"c\"\nexecutor = { type = \"wagi\" }\n",
        &["12: gavel-host does not support trigger.http.executor; Spin does"],
    );
    check("[dependencies]\n", &["9: gavel-host does not support dependencies; Spin does"]);
}

#[test]
fn unknown_fields_are_refused_wherever_they_stand() {
    check("sourse = \"x\"\n", &["9: unknown field component.c.sourse"]);
    check("[extra]\n", &["9: unknown field extra"]);
    check(
        "[variables]\na = { defualt = \"x\", default = \"\" }\n",
        &["10: unknown field variables.a.defualt"],
    );
    check(
        "[[trigger.http]]\nroute = \"/x\"\ncomponent = \"c\"\nx = 1\n",
        &["12: unknown field trigger.http.x"],
    );
}

#[test]
fn variables_need_a_default_or_to_be_required() {
    check(
        "[variables]\na = {}\n",
        &["10: variable \"a\" needs either a default or required = true"],
    );
    check(
        "[variables]\na = { default = \"x\", required = true }\n",
        &["10: variable \"a\" needs either a default or required = true"],
    );
    check(
        "[variables]\nA-b = { default = \"x\" }\n",
        &["10: variable \"A-b\" must be ASCII letters and digits, in words separated by '_'"],
    );
    check(
        "[variables]\na = { default = 1 }\n",
        &[
            "10: variables.a.default must be a string, not integer",
            "10: variable \"a\" needs either a default or required = true",
        ],
    );
}

#[test]
fn references_must_hold_and_routes_must_differ() {
    check(
        "[[trigger.http]]\nroute = \"/x\"\ncomponent = \"d\"\n",
        &["11: there is no [component.d]"],
    );
    check(
        "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"c\"\n",
        &[
            "10: gavel-host refuses route \"/...\", which is already taken; Spin uses one of the two",
        ],
    );
    check(
        "[[trigger.http]]\nroute = \"x\"\ncomponent = \"c\"\n",
        &["10: gavel-host wants route \"x\" to begin with /; Spin puts it there"],
    );
    check(
        "[[trigger.http]]\nroute = \"/x\"\n",
        &["9: an HTTP trigger needs a route and a component"],
    );
    check("[component.d]\n", &["9: component.d has no source"]);
}

#[test]
fn every_problem_is_reported_at_once_in_the_order_of_the_lines() {
    check_text(
        "spin_manifest_version = 1\n[application]\n[component.c]\nfiles = []\nsource = \"c.wasm\"\nx = 1\n",
        &[
            "1: spin_manifest_version must be 2",
            "2: application.name is missing",
            "4: gavel-host does not support component.c.files; Spin does",
            "6: unknown field component.c.x",
        ],
    );
    check_text("[application]\nname = \"t\"\n", &["1: spin_manifest_version = 2 is missing"]);
}

#[test]
fn broken_toml_is_refused_with_its_line() {
    let problems = parse("spin_manifest_version = 2\n[application\n").unwrap_err();
    assert_eq!(problems[0].line, 2, "{problems:?}");
    let problems = parse("a = 1\nb = 2\na = 3\n").unwrap_err();
    assert_eq!(problems[0].line, 3, "{problems:?}");
}
