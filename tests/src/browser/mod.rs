//! A real browser, driven as a person drives it.

mod axe;
mod commands;
mod cookies;
mod driver;
mod keys;
mod look;
mod picture;
mod problems;
mod reading;

use fantoccini::{
    Client, ClientBuilder, Locator,
    actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction},
    elements::Element,
    error::CmdError,
};
use hyper_util::client::legacy::connect::HttpConnector;
pub use look::Look;
use serde_json::{Value, json};
use tempfile::TempDir;
use ui::Speech;

use crate::{TestPlatform, wait::LONG, within};
use driver::Driver;

/// One browser with a profile of its own. Dropped, it is closed.
pub struct Browser {
    /// How pages speak to whoever sits before it.
    pub speech: Speech,
    client: Client,
    session: String,
    base: String,
    _profile: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        Driver::shared().end(&self.session);
    }
}

impl TestPlatform {
    /// A browser that was never on this platform.
    pub async fn browser(&self) -> Browser {
        self.browser_with(Look::default()).await
    }

    /// The same, seen another way.
    pub async fn browser_with(&self, look: Look) -> Browser {
        Browser::open(self.client.base(), look).await
    }
}

impl Browser {
    /// Opens one for the platform at this address.
    pub async fn open(base: &str, look: Look) -> Self {
        let driver = Driver::shared();
        let profile = driver.profile();
        let arguments = [
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            // A telephone shows none beside the page.
            "--hide-scrollbars".to_owned(),
            // Containers have little shared memory.
            "--disable-dev-shm-usage".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
            format!("--window-size={},{}", look.width, look.height()),
        ];
        let wanted = json!({
            "goog:chromeOptions": {
                "args": arguments,
                "prefs": { "intl.accept_languages": look.language.as_str() },
            },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(wanted) = wanted else { unreachable!() };
        let client =
            ClientBuilder::new(HttpConnector::new()).capabilities(wanted).connect(&driver.url()).await.unwrap();
        let session = client.session_id().await.unwrap().unwrap();
        let speech = Speech::new(look.language);
        let browser = Self { speech, client, session, base: base.to_owned(), _profile: profile };
        browser.put_on(look).await;
        // Other browsers of the program don't take the keyboard away.
        browser.devtools("Emulation.setFocusEmulationEnabled", json!({ "enabled": true })).await;
        browser.take_notes_of_problems().await;
        browser
    }

    /// Shows the page another way; the language is asked for when a page is loaded.
    pub async fn put_on(&self, look: Look) {
        // A window of a headless browser can't be as narrow as a telephone.
        let size = json!({ "width": look.width, "height": look.height(), "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = if look.dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
        // Colours that are on their way from one scheme to the other are no colours of the page. What has no end goes on.
        let settle = "document.getAnimations()
            .filter((one) => one.effect.getComputedTiming().endTime < Infinity).forEach((one) => one.finish())";
        self.evaluate(settle).await;
    }

    /// From now on no page runs a script.
    pub async fn without_scripts(self) -> Self {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
        self
    }

    /// Fails the test where the page does run scripts: what it has for those who run none is not read then.
    pub async fn runs_no_scripts(&self) {
        let script = "const part = document.createElement('p');
            part.innerHTML = '<noscript><b></b></noscript>';
            return part.querySelector('b') !== null;";
        assert_eq!(self.run(script).await, true, "scripts run");
    }

    pub async fn goto(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.base)).await.unwrap();
        // The driver is satisfied with the page of before, where that had the same address or another one led here.
        let is_whole = "return document.readyState === 'complete'";
        self.until("the whole page", async || Ok((self.try_run(is_whole).await? == true).then_some(()))).await;
    }

    pub async fn back(&self) {
        self.client.back().await.unwrap();
    }

    /// Runs a script in the page, as its own function.
    pub async fn run(&self, script: &str) -> Value {
        self.run_with(script, vec![]).await
    }

    /// [`Browser::run`] with arguments.
    pub async fn run_with(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute(script, arguments).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// [`Browser::run`] where there may be no page just now.
    pub async fn try_run(&self, script: &str) -> Result<Value, CmdError> {
        self.client.execute(script, vec![]).await
    }

    /// A text of the platform, as it is said to whoever sits before it.
    pub fn t<'a>(&self, key: &'a str) -> &'a str {
        self.speech.t(key)
    }

    /// Waits until something is so. What can't be told while one page goes and another comes is asked again.
    pub async fn until<T>(&self, what: &str, mut condition: impl AsyncFnMut() -> Result<Option<T>, CmdError>) -> T {
        let waiting = within(LONG * 2, what, async || condition().await.ok().flatten());
        match tokio::time::timeout(LONG, waiting).await {
            Ok(value) => value,
            Err(_) => {
                let here = self.client.current_url().await.map_or_else(|error| error.to_string(), Into::into);
                panic!("waited {LONG:?} for: {what}\nat {here}:\n{}", self.text().await)
            }
        }
    }

    /// Waits until the browser is at this path, whatever the query.
    pub async fn is_at(&self, path: &str) {
        self.until(&format!("the page {path}"), async || {
            let url = self.client.current_url().await?;
            let is_whole = self.client.execute("return document.readyState", vec![]).await? == "complete";
            Ok((url.path() == path && is_whole).then_some(()))
        })
        .await;
    }

    /// Does what leads to another page, and waits until that is there.
    pub async fn led_on(&self, lead: impl AsyncFnOnce()) {
        self.run("window.isBefore = true").await;
        let before = self.here().await;
        lead().await;
        self.until(&format!("another page than {before}"), async || {
            let is_another = "return !window.isBefore && document.readyState === 'complete'";
            Ok((self.client.execute(is_another, vec![]).await? == true).then_some(()))
        })
        .await;
    }

    /// Waits until these words can be read on the page.
    pub async fn shows(&self, words: &str) {
        let visible = "return document.body.innerText.includes(arguments[0])";
        self.until(&format!("the words {words:?}"), async || {
            Ok((self.client.execute(visible, vec![json!(words)]).await? == true).then_some(()))
        })
        .await;
    }

    /// What can be read on the page.
    pub async fn text(&self) -> String {
        self.client
            .execute("return document.body.innerText", vec![])
            .await
            .map_or_else(|error| error.to_string(), |text| text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits for an element.
    pub async fn find(&self, css: &str) -> Element {
        self.until(css, async || self.client.find(Locator::Css(css)).await.map(Some)).await
    }

    /// Types into the field of this name, in the place of what is there.
    pub async fn fill(&self, name: &str, value: &str) {
        let field = self.find(&field(name)).await;
        field.clear().await.unwrap();
        field.send_keys(value).await.unwrap();
    }

    /// The same at once, as from the clipboard: for what is long, or on no keyboard.
    pub async fn paste(&self, name: &str, value: &str) {
        self.find(&field(name)).await;
        let script = "const field = document.querySelector(arguments[0]); field.value = arguments[1];
            field.dispatchEvent(new InputEvent('input', { bubbles: true, inputType: 'insertFromPaste' }));";
        self.run_with(script, vec![json!(field(name)), json!(value)]).await;
    }

    /// Clicks it, as soon as that can be done.
    pub async fn click(&self, css: &str) {
        let clicked = async || self.client.find(Locator::Css(css)).await?.click().await.map(Some);
        self.until(&format!("a click on {css}"), clicked).await;
    }

    /// As whoever double-clicks whatever there is to click.
    pub async fn click_twice(&self, css: &str) {
        let over = PointerAction::MoveToElement { element: self.find(css).await, duration: None, x: 0.0, y: 0.0 };
        let (down, up) =
            (PointerAction::Down { button: MOUSE_BUTTON_LEFT }, PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        let mouse = MouseActions::new("mouse".to_owned()).then(over);
        let mouse = mouse.then(down.clone()).then(up.clone()).then(down).then(up);
        self.client.perform_actions(mouse).await.unwrap();
    }

    /// Clicks the link or button with these words, of those that can be seen.
    pub async fn press(&self, words: &str) {
        let path = format!("//*[self::a or self::button or self::summary][normalize-space()=\"{words}\"]");
        self.click_seen(words, Locator::XPath(&path)).await;
    }

    /// Clicks the first of these that can be seen.
    async fn click_seen(&self, what: &str, locator: Locator<'_>) {
        let clicked = async || {
            for one in self.client.find_all(locator).await? {
                if one.is_displayed().await? {
                    return one.click().await.map(Some);
                }
            }
            Ok(None)
        };
        self.until(&format!("something to press: {what}"), clicked).await;
    }

    /// Follows the link to this address. By telephone those to other parts of a console are in its menu, which is opened
    /// first.
    pub async fn follow(&self, address: &str) {
        let link = format!("a[href='{address}']");
        self.find(&link).await;
        if !self.sees(&link).await {
            self.click("details.menu:not([open]) > summary").await;
        }
        self.click_seen(&link, Locator::Css(&link)).await;
    }
}

fn field(name: &str) -> String {
    format!("[name=\"{name}\"]:not([type=hidden])")
}
