//! axe-core: what somebody who can't see a page, or can't point, would stumble over.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use serde_json::{Value, json};

use super::Browser;

/// Its files lie where `scripts/test` puts them, beside what is built.
static AXE: LazyLock<String> = LazyLock::new(|| {
    let path = folder().join("axe.min.js");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}; scripts/test puts it there", path.display()))
});

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("target/peers/axe")
}

/// The rules that see what changes with the room's light.
const OF_COLOURS: [&str; 2] = ["color-contrast", "link-in-text-block"];

/// What it can't decide about colours lies below or above something else, and is seen in another look; anything else is
/// to be decided by whoever made the page.
const RUN: &str = r#"(context, options) =>
axe.run(context, { ...options, preload: false, resultTypes: ['violations', 'incomplete'] })
  .then(({ violations, incomplete }) => [...violations, ...incomplete.filter(({ id }) => !id.startsWith('color-contrast'))]
  .filter(({ impact }) => impact === 'serious' || impact === 'critical')
  .flatMap(({ id, impact, nodes }) => nodes.map(({ target, html, failureSummary }) =>
    `${impact} ${id} at ${target.join(' ')}: ${html.slice(0, 160)}: ${failureSummary.split('\n').slice(1).join('; ')}`)))
"#;

impl Browser {
    /// What is serious or critical in this part of the page, a line each.
    pub async fn axe(&self, part: &str) -> Vec<String> {
        // WCAG 2.2; it is not looked for unless it is asked for.
        self.axe_by(part, &json!({ "rules": { "target-size": { "enabled": true } } })).await
    }

    /// What is so because of the colours.
    pub async fn axe_of_colours(&self, part: &str) -> Vec<String> {
        self.axe_by(part, &json!({ "runOnly": OF_COLOURS })).await
    }

    async fn axe_by(&self, part: &str, options: &Value) -> Vec<String> {
        // Evaluated from outside, it needs no leave of the page's policy.
        if self.evaluate("typeof axe").await == "undefined" {
            self.evaluate(&format!("{}\n;0", *AXE)).await;
        }
        let lines = self.evaluate(&format!("({RUN})({}, {options})", json!(part))).await;
        let lines = lines.as_array().unwrap_or_else(|| panic!("axe said {lines}"));
        lines.iter().map(|line| line.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What a script comes to, in the page, whatever the page allows.
    pub async fn evaluate(&self, script: &str) -> Value {
        let wanted = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let mut evaluated = self.devtools("Runtime.evaluate", wanted).await;
        assert!(evaluated.get("exceptionDetails").is_none(), "{evaluated}");
        evaluated["result"]["value"].take()
    }
}
