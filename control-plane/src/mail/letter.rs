//! A letter before it is put into words of HTML or plain text, and both forms of it.

use std::fmt::Write;

use lettre::{
    Message,
    message::{Mailbox, MultiPart, header::HeaderName, header::HeaderValue},
};

/// What a mail says, in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) greeting: String,
    pub(super) lines: Vec<String>,
    /// What to do, and where.
    pub(super) link: Option<(&'static str, String)>,
    /// A token to type where the link can't be opened.
    pub(super) code: Option<(&'static str, String)>,
    pub(super) closing: &'static str,
}

impl Letter {
    /// As plain text.
    pub(super) fn plain(&self) -> String {
        let mut text = format!("{}\n", self.greeting);
        for line in &self.lines {
            let _ = write!(text, "\n{line}\n");
        }
        if let Some((label, address)) = &self.link {
            let _ = write!(text, "\n{label}:\n{address}\n");
        }
        if let Some((label, code)) = &self.code {
            let _ = write!(text, "\n{label}: {code}\n");
        }
        let _ = write!(text, "\n{}\n", self.closing);
        text
    }

    /// As HTML without anything to load.
    pub(super) fn html(&self) -> String {
        let mut html = format!(
            "<!doctype html><html><head><meta charset=\"utf-8\"></head>\
             <body style=\"font-family:sans-serif;max-width:36em\"><p>{}</p>",
            escape(&self.greeting)
        );
        for line in &self.lines {
            let _ = write!(html, "<p>{}</p>", escape(line));
        }
        if let Some((label, address)) = &self.link {
            let _ = write!(html, "<p><a href=\"{}\">{}</a></p>", escape(address), escape(label));
        }
        if let Some((label, code)) = &self.code {
            let _ = write!(html, "<p>{}: <code>{}</code></p>", escape(label), escape(code));
        }
        let _ = write!(html, "<p>{}</p></body></html>", escape(self.closing));
        html
    }

    /// As a message to somebody.
    pub(super) fn message(
        &self,
        from: Mailbox,
        to_name: &str,
        to_address: &str,
    ) -> Result<Message, Box<dyn std::error::Error + Send + Sync>> {
        let to = Mailbox::new(Some(one_line(to_name)), to_address.parse()?);
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let message = Message::builder()
            .from(from)
            .to(to)
            .subject(one_line(&self.subject))
            .message_id(None)
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .multipart(MultiPart::alternative_plain_html(self.plain(), self.html()))?;
        Ok(message)
    }
}

/// Without line ends and other control characters: what stands in a header must not begin another one.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        Letter {
            subject: "Hello\r\nBcc: victim@example.com".to_owned(),
            greeting: "Hello <script>alert(1)</script>,".to_owned(),
            lines: vec!["A & B".to_owned()],
            link: Some(("Open", "http://localhost/?a=1&b=\"2\"".to_owned())),
            code: Some(("Code", "abc".to_owned())),
            closing: "Bye",
        }
    }

    #[test]
    fn html_is_escaped_and_plain_text_is_not() {
        let html = letter().html();
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script>"));
        assert!(html.contains("href=\"http://localhost/?a=1&amp;b=&quot;2&quot;\""));
        let plain = letter().plain();
        assert!(plain.contains("A & B") && plain.contains("Code: abc") && plain.contains("?a=1&b="));
    }

    #[test]
    fn no_header_can_be_smuggled_in() {
        let from: Mailbox = "Tenantry <no-reply@example.com>".parse().unwrap();
        let message = letter().message(from, "Eve\r\nBcc: x@example.com", "eve@example.com").unwrap();
        let raw = String::from_utf8(message.formatted()).unwrap();
        let headers = raw.split("\r\n\r\n").next().unwrap();
        assert!(!headers.lines().any(|line| line.starts_with("Bcc")), "{headers}");
        assert!(headers.contains("Auto-Submitted: auto-generated") && headers.contains("Message-ID:"));
    }

    #[test]
    fn any_script_can_be_addressed() {
        let from: Mailbox = "Tenantry <no-reply@example.com>".parse().unwrap();
        for name in ["Çağrı Öz", "北京", "🚀", "a, b; c", "\"q\""] {
            assert!(letter().message(from.clone(), name, "a@example.com").is_ok(), "{name}");
        }
    }
}
