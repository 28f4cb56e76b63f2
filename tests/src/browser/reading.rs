//! Reading a page: each at once, by one script, and asked again while one page goes and another comes.

use serde_json::{Value, json};

use super::{Browser, field};

impl Browser {
    /// Where it is: path and query.
    pub async fn here(&self) -> String {
        let url = self.until("an address", async || self.client.current_url().await.map(Some)).await;
        url.as_str().strip_prefix(&self.base).unwrap_or(url.as_str()).to_owned()
    }

    /// What a script that changes nothing finds, as soon as it finds something.
    pub async fn read(&self, what: &str, script: &str, arguments: Vec<Value>) -> Value {
        self.until(what, async || {
            let found = self.client.execute(script, arguments.clone()).await?;
            Ok((!found.is_null()).then_some(found))
        })
        .await
    }

    async fn read_text(&self, what: &str, script: &str, argument: &str) -> String {
        let found = self.read(what, script, vec![json!(argument)]).await;
        found.as_str().unwrap_or_else(|| panic!("{what}: {found}")).to_owned()
    }

    /// How many there are.
    pub async fn count(&self, css: &str) -> usize {
        let found = self.read(css, "return document.querySelectorAll(arguments[0]).length", vec![json!(css)]).await;
        usize::try_from(found.as_u64().unwrap()).unwrap()
    }

    /// Whether one of these can be seen.
    pub async fn sees(&self, css: &str) -> bool {
        let script = "return [...document.querySelectorAll(arguments[0])].some((one) => one.checkVisibility())";
        self.read(css, script, vec![json!(css)]).await == true
    }

    /// The text of an element, as it can be read.
    pub async fn text_of(&self, css: &str) -> String {
        self.read_text(css, "return document.querySelector(arguments[0])?.innerText.trim()", css).await
    }

    /// What stands in the field of this name.
    pub async fn value(&self, name: &str) -> String {
        self.read_text(name, "return document.querySelector(arguments[0])?.value", &field(name)).await
    }

    /// What is said to be wrong with the field of this name; empty where nothing is.
    pub async fn error_of(&self, name: &str) -> String {
        let script = "const field = document.querySelector(arguments[0]);
            if (!field) return null;
            const words = (field.getAttribute('aria-describedby') ?? '').split(' ');
            const error = words.map((id) => document.getElementById(id)).find((one) => one?.classList.contains('error'));
            return field.getAttribute('aria-invalid') === 'true' ? error?.textContent ?? 'nobody says what' : '';";
        self.read_text(name, script, &field(name)).await
    }

    /// Waits until this is said to be wrong with the field of this name.
    pub async fn refuses(&self, name: &str, said: &str) {
        self.until(&format!("{said:?} at {name}"), async || Ok((self.error_of(name).await == said).then_some(())))
            .await;
    }

    /// Waits until something is said to be wrong with the field of this name.
    pub async fn refuses_somehow(&self, name: &str) {
        let what = format!("an error at {name}");
        self.until(&what, async || Ok((!self.error_of(name).await.is_empty()).then_some(()))).await;
    }
}
