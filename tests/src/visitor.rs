//! A browser without eyes or scripts: pages over plain HTTP, with its cookies, for what a real browser does not show.

use std::sync::Mutex;

use reqwest::{
    Method, StatusCode,
    header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE},
    redirect::Policy,
};

use crate::{TestPlatform, client::PASSWORD};

/// Keeps cookies, and goes nowhere by itself.
pub struct Visitor {
    http: reqwest::Client,
    base: String,
    cookies: Mutex<Vec<Kept>>,
}

#[derive(Clone)]
struct Kept {
    name: String,
    value: String,
    path: String,
}

/// A page as it came.
#[derive(Debug)]
pub struct Seen {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Seen {
    /// Fails the test unless the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{} {}", self.location(), self.text);
        self
    }

    /// Where it sends the visitor; empty where nowhere.
    pub fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |location| location.to_str().unwrap())
    }

    /// Its cookies, as they are set.
    pub fn cookies(&self) -> Vec<&str> {
        self.headers.get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap()).collect()
    }

    /// What its forms carry.
    #[track_caller]
    pub fn form_token(&self) -> &str {
        let (_, rest) = self.text.split_once("name=\"form_token\" value=\"").expect("a form");
        rest.split('"').next().unwrap()
    }
}

impl TestPlatform {
    /// Somebody who was never here.
    pub fn visitor(&self) -> Visitor {
        Visitor::new(self.client.base())
    }
}

impl Visitor {
    pub fn new(base: &str) -> Self {
        let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        Self { http, base: base.to_owned(), cookies: Mutex::default() }
    }

    pub async fn get(&self, path: &str) -> Seen {
        self.send(self.request(Method::GET, path)).await
    }

    /// Sends a form with these fields and no others.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Seen {
        self.send(self.request(Method::POST, path).form(fields)).await
    }

    /// Fills in the form of a page, and sends it where the page is.
    pub async fn fill(&self, path: &str, fields: &[(&str, &str)]) -> Seen {
        let page = self.get(path).await.expect(200);
        self.post(path, &[&[("form_token", page.form_token())], fields].concat()).await
    }

    /// Signs in with the password of everybody; ends where the pages are.
    pub async fn sign_in(&self, email: &str) {
        let seen = self.fill("/login", &[("email", email), ("password", PASSWORD)]).await.expect(303);
        self.get(seen.location()).await.expect(303);
    }

    /// A request with the cookies for its path.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let cookies: Vec<String> = self
            .cookies
            .lock()
            .unwrap()
            .iter()
            .filter(|kept| path.starts_with(&kept.path))
            .map(|Kept { name, value, .. }| format!("{name}={value}"))
            .collect();
        let request = self.http.request(method, format!("{}{path}", self.base));
        if cookies.is_empty() { request } else { request.header(COOKIE, cookies.join("; ")) }
    }

    /// Sends a request, and keeps the cookies of the answer.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Seen {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let seen = Seen { status, headers, text: response.text().await.unwrap() };
        for cookie in seen.cookies() {
            self.keep(cookie);
        }
        seen
    }

    fn keep(&self, cookie: &str) {
        let mut parts = cookie.split("; ");
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let path = parts.find_map(|part| part.strip_prefix("Path=")).unwrap_or("/");
        let mut cookies = self.cookies.lock().unwrap();
        cookies.retain(|kept| kept.name != name);
        if !value.is_empty() {
            cookies.push(Kept { name: name.to_owned(), value: value.to_owned(), path: path.to_owned() });
        }
    }

    /// The value of a cookie; empty where there is none.
    pub fn cookie(&self, name: &str) -> String {
        let cookies = self.cookies.lock().unwrap();
        cookies.iter().find(|kept| kept.name == name).map_or_else(String::new, |kept| kept.value.clone())
    }

    /// Puts another value into a cookie that is there.
    #[track_caller]
    pub fn set_cookie(&self, name: &str, value: &str) {
        let mut cookies = self.cookies.lock().unwrap();
        cookies.iter_mut().find(|kept| kept.name == name).expect("such a cookie").value = value.to_owned();
    }
}
