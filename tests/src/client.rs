//! A client that speaks to a platform over HTTP.

use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

/// Speaks to one address, with or without a token.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Reply {
    /// The problem's code; empty when it is none.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// Whether the status is this one; fails the test unless it is, or the request was told to come back later.
    #[track_caller]
    pub fn is_or_put_off(&self, status: u16) -> bool {
        let put_off = self.status == 503 && self.headers.contains_key("retry-after");
        assert!(put_off || self.status.as_u16() == status, "{self:?}");
        !put_off
    }

    /// Fails the test unless the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }
}

impl Client {
    pub fn new(base: String) -> Self {
        // reqwest brings no cryptography of its own; who comes second finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(std::time::Duration::from_secs(30)).build().unwrap();
        Self { http, base, token: None }
    }

    /// The same client with a token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request that can still be changed; the token is set.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<Reply, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        Ok(Reply { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request(Method::POST, path).json(body)).await.unwrap()
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request(Method::PATCH, path).json(body)).await.unwrap()
    }

    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request(Method::PUT, path).json(body)).await.unwrap()
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(self.request(Method::DELETE, path)).await.unwrap()
    }

    /// Signs a company up; the answer as it is.
    pub async fn sign_up(&self, company: &str, email: &str) -> Reply {
        self.post(
            "/api/onboarding/signup",
            &json!({
                "company_name": company, "owner_email": email, "owner_name": "Ada Lovelace",
                "password": PASSWORD, "package_key": "starter", "billing_cycle": "monthly"
            }),
        )
        .await
    }

    /// Signs somebody in with the password of [`Client::sign_up`]; the client then has their token.
    pub async fn sign_in(&self, email: &str) -> Self {
        let reply = self.post("/api/auth/login", &json!({ "email": email, "password": PASSWORD })).await.expect(200);
        self.with_token(reply.body["access_token"].as_str().unwrap())
    }
}

/// The password of everybody in tests.
pub const PASSWORD: &str = "correct horse battery staple";
