//! What `docs/architecture.md` promises of the code itself, checked against the code itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use control_plane::{
    ControlPlane, identity, mail,
    packages::BillingCycle,
    provisioning::saga::{Direction, Kind, State},
};
use serde_json::Value;
use tenancy::{Role, TenantSlug, TenantStatus};
use tests::TestPlatform;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// What each crate of the workspace builds on, without what only its own tests use.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    packages
        .map(|package| {
            let needed = package["dependencies"].as_array().unwrap().iter().filter(|one| one["kind"] != "dev");
            (name(package), needed.map(name).collect())
        })
        .collect()
}

/// Every Rust file below a folder of the workspace, with its text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    assert!(!files.is_empty());
    files
}

#[test]
fn imports_run_one_way() {
    let needs = dependencies();
    let depends = |from: &str, on: &str| needs[from].contains(on);
    assert!(depends("tenantry", "control-plane") && depends("tenantry", "tenant-runtime"), "{needs:?}");
    for plane in ["control-plane", "tenant-runtime"] {
        assert!(depends(plane, "tenancy"));
        for other in ["control-plane", "tenant-runtime", "tenantry", "tests", "clap"] {
            assert!(!depends(plane, other), "{plane} must not depend on {other}");
        }
    }
    for above in ["control-plane", "tenant-runtime", "tenantry", "tests", "clap"] {
        assert!(!depends("tenancy", above), "tenancy must not depend on {above}");
        assert!(!depends("ui", above), "ui must not depend on {above}");
    }
    assert!(!depends("tenancy", "ui"), "tenancy must not depend on ui");
    for database in ["tokio-postgres", "deadpool-postgres", "deadpool"] {
        assert!(!depends("ui", database), "ui must not depend on {database}");
    }
    for (name, needed) in &needs {
        let both = needed.contains("control-plane") && needed.contains("tenant-runtime");
        assert!(!both || ["tenantry", "tests"].contains(&name.as_str()), "{name} depends on both planes");
        assert!(name == "tests" || !needed.contains("tests"), "{name} depends on the tests");
    }
}

#[test]
fn handlers_have_no_sql_and_stores_are_private() {
    let mut handlers = 0;
    for folder in ["control-plane/src", "tenant-runtime/src", "cli/src"] {
        for (path, text) in sources(folder) {
            let place = path.strip_prefix(root()).unwrap().display();
            let inside = path.strip_prefix(root().join(folder)).unwrap();
            let of_pages =
                inside.components().any(|part| matches!(part.as_os_str().to_str(), Some("pages" | "console")));
            let is_store = path.file_name().is_some_and(|name| name == "store.rs");
            if path.file_name().is_some_and(|name| name == "api.rs" || name == "pages.rs")
                || (of_pages && !is_store && text.contains("HttpResponse"))
            {
                handlers += 1;
                for word in ["SELECT ", "INSERT ", "UPDATE ", "DELETE FROM", "tokio_postgres", "deadpool"] {
                    assert!(!text.contains(word), "{place} knows SQL: {word}");
                }
            }
            assert!(!text.contains("pub mod store"), "{place} gives its store away");
            if path.file_name().is_some_and(|name| name == "store.rs") {
                assert!(!text.contains("actix_web"), "{place} knows HTTP");
            }
        }
    }
    assert!(handlers >= 4, "found {handlers} files of handlers");
}

#[test]
fn a_store_is_used_by_its_own_capability_alone() {
    for plane in ["control-plane/src", "tenant-runtime/src"] {
        for (path, text) in sources(plane) {
            let inside = path.strip_prefix(root().join(plane)).unwrap();
            let own =
                inside.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned();
            for (at, _) in text.match_indices("::store::") {
                let before = &text[..at];
                let owner = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
                // `tenants` and `provisioning` make a tenant in one transaction; `crate` and `self` are the own one.
                let pair = [own.as_str(), owner];
                let together = ["tenants", "provisioning", "doctor", "servers"];
                let allowed = owner == own
                    || ["self", "super", "crate"].contains(&owner)
                    || pair.iter().all(|one| together.contains(one));
                assert!(allowed, "{} uses the store of {owner}", inside.display());
            }
        }
    }
}

/// The paths of both planes' pages.
fn pages() -> Vec<String> {
    let all = ControlPlane::pages().into_iter().chain(tenant_runtime::pages());
    all.map(|page| page.path.to_string()).filter(|path| path != "/").collect()
}

#[test]
fn no_word_of_an_address_can_be_a_tenants_slug() {
    let mut words: BTreeSet<String> = ["health", "metrics", "api"].map(str::to_owned).into();
    let of_runtime = tenant_runtime::PREFIXES.iter().flat_map(|prefix| {
        tenant_runtime::routes().into_iter().map(move |route| format!("{prefix}{}", route.path)).collect::<Vec<_>>()
    });
    let paths: Vec<String> =
        ControlPlane::routes().iter().map(|route| route.path.to_string()).chain(of_runtime).chain(pages()).collect();
    assert!(paths.len() > 10);
    for path in &paths {
        let mut segments = path.trim_start_matches('/').split('/');
        let first = segments.next().unwrap();
        words.insert(first.to_owned());
        if first == "api" {
            words.extend(segments.next().map(str::to_owned));
        }
    }
    words.retain(|word| !word.starts_with('{'));
    println!("{words:?}");
    for word in words {
        assert!(TenantSlug::parse(&word).is_err(), "a tenant could be called {word}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_has_the_same_lists_as_the_code() {
    let platform = TestPlatform::start().await;
    let admin = platform.platform_session().await;
    let words = |all: &[&str]| all.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
    macro_rules! all {
        ($enum:ty) => {
            words(&<$enum>::ALL.iter().map(|one| one.as_str()).collect::<Vec<_>>())
        };
    }
    let members: Vec<&str> =
        Role::ALL.iter().filter(|role| **role != Role::SuperAdmin).map(|role| role.as_str()).collect();
    let tokens = {
        use identity::TokenKind::{Browser, Invitation, Onboarding, Operator, PasswordReset, Refresh, VerifyEmail};
        [Browser, Invitation, Onboarding, Operator, PasswordReset, Refresh, VerifyEmail]
            .map(identity::TokenKind::as_str)
    };
    let lists = [
        ("tenants", "status", all!(TenantStatus)),
        ("users", "status", all!(identity::UserStatus)),
        ("memberships", "role", words(&members)),
        ("subscriptions", "billing_cycle", all!(BillingCycle)),
        ("sagas", "kind", all!(Kind)),
        ("sagas", "state", all!(State)),
        ("provisioning_steps", "kind", all!(Kind)),
        ("provisioning_steps", "direction", all!(Direction)),
        ("tokens", "kind", words(&tokens)),
        ("mails", "template", all!(mail::Template)),
    ];
    for (table, column, expected) in lists {
        let sql = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' AND conname = $1";
        let definition: String = admin.query_one(sql, &[&format!("{table}_{column}_check")]).await.unwrap().get(0);
        let listed: BTreeSet<String> = definition.split('\'').skip(1).step_by(2).map(str::to_owned).collect();
        assert_eq!(listed, expected, "{table}.{column}: {definition}");
    }
    platform.stop().await;
}
