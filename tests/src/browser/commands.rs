//! What chromedriver can do beyond WebDriver: the DevTools protocol, and the browser's log.

use fantoccini::wd::WebDriverCompatibleCommand;
use reqwest::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

use super::Browser;

/// A command below the session, with a body.
#[derive(Debug)]
struct Posted(&'static str, Value);

impl WebDriverCompatibleCommand for Posted {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.0))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.1.to_string()))
    }
}

impl Browser {
    /// Runs a command of the DevTools protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.client.issue_cmd(Posted("goog/cdp/execute", body)).await.unwrap_or_else(|e| panic!("{command}: {e}"))
    }

    /// What came into the log since it was read last.
    pub(super) async fn log(&self) -> Vec<Value> {
        let lines = self.client.issue_cmd(Posted("se/log", json!({ "type": "browser" }))).await.unwrap();
        lines.as_array().cloned().unwrap_or_default()
    }
}
