//! The cookies that a browser keeps.

use serde_json::json;

use super::Browser;

impl Browser {
    /// The value of a cookie, also of one that no script may read.
    pub async fn cookie(&self, name: &str) -> String {
        let cookie = self.client.get_named_cookie(name).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        cookie.value().to_owned()
    }

    /// Puts another value into a cookie for everything.
    pub async fn set_cookie(&self, name: &str, value: &str) {
        let cookie = json!({ "name": name, "value": value, "url": self.base, "path": "/", "httpOnly": true });
        assert_eq!(self.devtools("Network.setCookie", cookie).await["success"], true);
    }
}
