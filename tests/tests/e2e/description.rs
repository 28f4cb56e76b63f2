//! The API's description: everything that is served is in it, and nothing is answered that is not.

use std::process::Stdio;

use tenant_runtime::{PREFIXES, routes};
use tests::TestPlatform;

const DOCUMENT: &str = "/api/openapi.json";

/// The checks of what is served against what is described. The others ask whether the description says every rule.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_described_and_the_page_can_be_opened() {
    let platform = TestPlatform::start().await;
    let document = platform.client.get(DOCUMENT).await.expect(200).body;
    assert_eq!(document["openapi"], "3.1.0");
    let of_runtime = routes().into_iter().map(|route| (format!("{}{}", PREFIXES[0], route.path), route.method));
    let of_control_plane = control_plane::ControlPlane::routes().into_iter();
    let of_control_plane = of_control_plane.map(|route| (route.path.to_string(), route.method));
    let mut count = 0;
    for (path, method) in of_runtime.chain(of_control_plane) {
        let operation = &document["paths"][&path][method.as_str().to_lowercase()];
        assert!(operation["summary"].is_string(), "{method} {path} is not described");
        count += 1;
    }
    let described: usize =
        document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum();
    assert_eq!(described, count, "something is described that is not served");

    let page = platform.client.get("/api/docs").await.expect(200);
    assert!(page.body.as_str().unwrap().contains("Swagger UI"));
    let settings = platform.client.get("/api/docs/swagger-initializer.js").await.expect(200);
    assert!(settings.body.as_str().unwrap().contains(DOCUMENT));
    assert_eq!(platform.client.get("/api/docs/nothing").await.status, 404);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_answer_outside_the_description() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/peers/schemathesis");
    assert!(std::path::Path::new(folder).exists(), "schemathesis is missing: run scripts/test once, which installs it");
    let platform = TestPlatform::start().await;
    let (_, owner) = platform.tenant("Acme").await;
    let place = tempfile::tempdir().unwrap();
    let output = tokio::process::Command::new(format!("{folder}/bin/schemathesis"))
        .args(["run", &format!("{}{DOCUMENT}", owner.base()), "--checks", CHECKS, "--max-examples", "10"])
        // One worker: two of them make Python 3.11 fail in its own parser.
        .args(["--seed", "1", "--workers", "1", "--no-color"])
        .args(["-H", &format!("Authorization: Bearer {}", owner.token().unwrap())])
        .args(["--request-timeout", "20"])
        .current_dir(place.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    println!("{text}");
    // It did reach rows, and not only refusals.
    let list = owner.get("/api/v1/customers").await.expect(200).body;
    assert!(list["total"].as_i64() > Some(0), "{list}");
    platform.stop().await;
}
