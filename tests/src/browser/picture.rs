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
}
