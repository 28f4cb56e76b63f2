//! The load: signups, customers, suspensions and drops, all at once.

use std::{sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::json;
use tenancy::TenantSlug;
use tests::CustomerId;
use tests::{Client, Reply, chance::Chance, client::PASSWORD, new_tenant};

use super::{book::Book, stage::Actors};

/// With more tenants than this, more are dropped than made.
const ENOUGH: usize = 6;
/// The package allows a hundred.
const MOST_CUSTOMERS: usize = 80;

/// One of those who use the platform.
pub(super) struct Worker {
    pub(super) number: usize,
    pub(super) actors: Arc<Actors>,
    pub(super) book: Arc<Book>,
    pub(super) chance: Chance,
    signups: usize,
}

impl Worker {
    pub(super) fn new(number: usize, actors: Arc<Actors>, book: Arc<Book>, chance: Chance) -> Self {
        Self { number, actors, book, chance, signups: 0 }
    }

    /// Goes on until it is aborted.
    pub(super) async fn run(mut self) {
        loop {
            let crowded = self.book.standing() > ENOUGH;
            match self.chance.below(20) {
                0 | 1 if !crowded => self.sign_up().await,
                2 if !crowded => self.begin().await,
                0..3 | 4 | 5 => self.delete().await,
                3 => self.suspend_and_activate().await,
                _ => self.make_customer().await,
            }
            // Nobody spins while the platform is away.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn ask(&self, client: &Client, path: &str, body: &serde_json::Value) -> Option<Reply> {
        let reply = client.send(client.request(Method::POST, path).json(body)).await.ok()?;
        assert!(reply.status != 500, "{path}: {reply:?}");
        Some(reply)
    }

    async fn sign_up(&mut self) {
        self.signups += 1;
        let email = format!("w{}-{}@example.com", self.number, self.signups);
        let body = json!({
            "company_name": format!("Company {}-{}", self.number, self.signups), "owner_email": email,
            "owner_name": "Ada Lovelace", "password": PASSWORD, "package_key": "starter", "billing_cycle": "monthly"
        });
        let Some(reply) = self.ask(&self.actors.client(), "/api/onboarding/signup", &body).await else { return };
        if reply.status == 201 {
            self.book.answered();
            self.book.born(reply.body["tenant"]["slug"].as_str().unwrap(), &email, true);
        }
    }

    /// A tenant made at the command line, as far as it is made there: without stock the platform does the rest.
    async fn begin(&mut self) {
        self.signups += 1;
        let mut new = new_tenant(&format!("begun-{}-{}", self.number, self.signups));
        new.owner.password_hash = Some(self.actors.hash.clone());
        let (slug, email) = (new.name.clone(), new.owner.email.to_string());
        if let Ok(born) = self.actors.operator.tenants.create(new).await {
            self.book.born(&slug, &email, born.finished);
        }
    }

    async fn token(&self, email: &str) -> Option<String> {
        let known = self.actors.tokens.lock().unwrap().get(email).cloned();
        if known.is_some() {
            return known;
        }
        let body = json!({ "email": email, "password": PASSWORD });
        let reply = self.ask(&self.actors.client(), "/api/auth/login", &body).await?;
        let token = reply.body["access_token"].as_str()?.to_owned();
        self.actors.tokens.lock().unwrap().insert(email.to_owned(), token.clone());
        Some(token)
    }

    async fn make_customer(&mut self) {
        let Some((slug, entry)) = self.book.some(&mut self.chance) else { return };
        if entry.customers.len() > MOST_CUSTOMERS {
            return;
        }
        let Some(token) = self.token(&entry.email).await else { return };
        let client = self.actors.client().with_token(&token);
        let Some(reply) = self.ask(&client, "/api/v1/customers", &json!({ "company_name": slug })).await else {
            return;
        };
        if reply.status == 201 {
            assert_eq!(reply.body["company_name"], slug.as_str());
            let id: CustomerId = reply.body["id"].as_str().unwrap().parse().unwrap();
            self.book.customer(&slug, id.uuid());
        }
    }

    /// As an operator; an interruption leaves it one way or the other.
    async fn suspend_and_activate(&mut self) {
        let Some((slug, _)) = self.book.some(&mut self.chance) else { return };
        let slug = TenantSlug::parse(&slug).unwrap();
        let tenants = &self.actors.operator.tenants;
        let _ = tenants.suspend(&slug, None, "chaos").await;
        let _ = tenants.activate(&slug, "chaos").await;
    }

    async fn delete(&mut self) {
        let Some((slug, entry)) = self.book.some(&mut self.chance) else { return };
        // One that was in use: while the platform is away nobody deletes everything there is.
        if entry.customers.len() < 3 {
            return;
        }
        if let Some(entry) = self.book.entries().get_mut(&slug) {
            entry.deleting = true;
        }
        let backup = self.chance.below(2) == 0;
        // The platform does the rest.
        let _ = self.actors.operator.tenants.begin_delete(&TenantSlug::parse(&slug).unwrap(), backup, "chaos").await;
    }
}
