//! How a browser comes to a page of the list.

use serde_json::json;
use tenancy::Language;

use super::{Filled, PAGES, Then, WebPage, Who};
use crate::{
    browser::{Browser, Look},
    client::PASSWORD,
};

impl Filled {
    /// Goes to every page in turn, as whoever looks at it; `at` is done at each.
    pub async fn tour(&self, browser: &Browser, language: Language, mut at: impl AsyncFnMut(&'static WebPage)) {
        let mut now = Who::Stranger;
        for (page, look) in PAGES.iter().zip(Look::all(language).into_iter().cycle()) {
            if page.who != now {
                self.become_one(browser, language, page.who).await;
                now = page.who;
            }
            // Each is loaded in another look than the one before.
            browser.put_on(look).await;
            let address = self.address(page.path);
            browser.goto(&address).await;
            if address.contains("done=") {
                // It is said to whoever was led there, and not to whoever has typed the address.
                let lead = "location.assign(arguments[0])";
                browser.led_on(async || drop(browser.run_with(lead, vec![json!(address)]).await)).await;
            }
            browser.act(page.then).await;
            at(page).await;
        }
    }

    /// Signs in as one of those who look at pages.
    pub async fn become_one(&self, browser: &Browser, language: Language, who: Who) {
        // What the browser asks for counts until somebody has signed in who chose a language before.
        browser.goto(&format!("/language/{language}?next=/login")).await;
        match who {
            Who::Stranger => {}
            Who::Newcomer => browser.sign_up_to_payment("Yıldız Fuarcılık Ltd. Şti.", "yildiz@example.com").await,
            Who::Waiting => {
                let email = format!("bekleyen-{language}@example.com");
                browser.sign_up_to_payment(&format!("Bekleyen {language} Ltd. Şti."), &email).await;
                browser.send().await;
                browser.is_at("/signup/done").await;
            }
            Who::Owner => browser.sign_in(self.owner).await,
            Who::Beginner => browser.sign_in(self.beginner).await,
            Who::Suspended => {
                browser.goto("/login").await;
                browser.fill("email", self.suspended).await;
                browser.fill("password", PASSWORD).await;
                browser.led_on(async || browser.send().await).await;
            }
            Who::Operator => browser.sign_in_at("/admin/login", self.operator, "/admin").await,
        }
    }
}

impl Browser {
    /// Signs somebody in with the password of everybody.
    pub async fn sign_in(&self, email: &str) {
        self.sign_in_at("/login", email, "/app").await;
    }

    async fn sign_in_at(&self, path: &str, email: &str, home: &str) {
        self.goto(path).await;
        self.fill("email", email).await;
        self.fill("password", PASSWORD).await;
        self.send().await;
        self.is_at(home).await;
    }

    /// The first three steps of the wizard.
    pub async fn sign_up_to_payment(&self, company: &str, email: &str) {
        self.goto("/signup").await;
        self.fill("company_name", company).await;
        self.send().await;
        self.is_at("/signup/package").await;
        self.send().await;
        self.is_at("/signup/account").await;
        self.fill("owner_name", "Ada Lovelace").await;
        self.fill("owner_email", email).await;
        self.fill("password", PASSWORD).await;
        self.send().await;
        self.is_at("/signup/payment").await;
    }

    /// Presses the button that a page is about, whatever its words are.
    pub async fn send(&self) {
        self.click("main form[method=post] button.primary").await;
    }

    /// Does what is to be done on a page before it is looked at.
    async fn act(&self, then: Then) {
        let before = match then {
            Then::Nothing => return,
            Then::Sent => "",
            Then::Emptied => {
                "for (const field of document.querySelectorAll('main form[method=post] :is(input, textarea)')) {
                    if (!['hidden', 'radio', 'checkbox', 'file'].includes(field.type)) field.value = '';
                }"
            }
            Then::Outdated => {
                "document.querySelector('main form [name=version]').value = '0';
                document.querySelector('main form input[type=text]').value += '!';"
            }
        };
        self.run(before).await;
        self.led_on(async || self.send().await).await;
        // What takes its time is waited for.
        self.until("the end of it", async || Ok((self.count("[data-live]").await == 0).then_some(()))).await;
    }
}
