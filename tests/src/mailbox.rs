//! The mails of a platform, as they lie in its folder.

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{TestPlatform, wait::LONG, within};

/// A mail, its parts decoded.
#[derive(Debug, Clone)]
pub struct Mail {
    pub to: String,
    pub text: String,
}

impl Mail {
    /// The token in the mail's link.
    #[track_caller]
    pub fn token(&self) -> String {
        let (_, rest) = self.text.split_once("token=").unwrap_or_else(|| panic!("no token in: {}", self.text));
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect()
    }
}

impl TestPlatform {
    /// Every mail to this address, the oldest first.
    pub fn mails_to(&self, address: &str) -> Vec<Mail> {
        let mut mails = mails_in(&self.folder().join("mail"));
        mails.retain(|mail| mail.to.contains(address));
        mails
    }

    /// Waits for the newest mail to this address whose text has these words.
    pub async fn mail(&self, address: &str, words: &str) -> Mail {
        let what = format!("a mail to {address} with {words:?}");
        within(LONG, &what, async || self.mails_to(address).into_iter().rev().find(|mail| mail.text.contains(words)))
            .await
    }
}

/// Every mail in a folder, the oldest first: their names sort by time.
pub fn mails_in(folder: &Path) -> Vec<Mail> {
    let mut files: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
    files.sort();
    files.iter().map(|path| parse(&fs::read_to_string(path).unwrap())).collect()
}

fn parse(raw: &str) -> Mail {
    let to = raw.lines().find_map(|line| line.strip_prefix("To: ")).unwrap_or_default().to_owned();
    let mut text = String::new();
    // Each part has its encoding in its own headers; the boundary ends it.
    for part in raw.split("Content-Transfer-Encoding: ").skip(1) {
        let (headers, body) = part.split_once("\r\n\r\n").unwrap();
        let encoding = headers.lines().next().unwrap();
        let body = body.split("\r\n--").next().unwrap();
        text.push_str(&decode(encoding, body));
        text.push('\n');
    }
    Mail { to, text }
}

fn decode(encoding: &str, body: &str) -> String {
    match encoding {
        "base64" => String::from_utf8(STANDARD.decode(body.replace("\r\n", "")).unwrap()).unwrap(),
        "quoted-printable" => {
            let body = body.replace("=\r\n", "");
            let mut bytes = Vec::new();
            let mut rest = body.as_bytes();
            while let Some((first, tail)) = rest.split_first() {
                if *first == b'=' && tail.len() >= 2 {
                    bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
                    rest = &tail[2..];
                } else {
                    bytes.push(*first);
                    rest = tail;
                }
            }
            String::from_utf8(bytes).unwrap()
        }
        _ => body.to_owned(),
    }
}
