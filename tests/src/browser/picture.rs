//! Pictures of pages.

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::Browser;

impl Browser {
    /// The whole page, also what lies below the window.
    pub async fn picture(&self, path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let wanted = json!({ "format": "png", "captureBeyondViewport": true });
        let taken = self.devtools("Page.captureScreenshot", wanted).await;
        fs::write(path, STANDARD.decode(taken["data"].as_str().unwrap()).unwrap()).unwrap();
    }

    /// How many pixels of the page lie beside the window, where somebody would have to scroll sideways.
    pub async fn sideways(&self) -> i64 {
        let script = "return Math.ceil(document.scrollingElement.scrollWidth - innerWidth)";
        self.run(script).await.as_i64().unwrap()
    }

    /// What reaches furthest beside the window.
    pub async fn too_wide(&self) -> String {
        let script = "const right = (one) => one.getBoundingClientRect().right;
            const all = [...document.body.querySelectorAll('*')].filter((one) => right(one) > innerWidth);
            const inner = all.filter((one) => !all.some((other) => one !== other && one.contains(other)));
            return inner.slice(0, 3).map((one) => one.outerHTML.slice(0, 120)).join(' | ');";
        self.run(script).await.as_str().unwrap_or_default().to_owned()
    }
}
