//! The words of every mail, in Turkish and in English.

use super::{Template, letter::Letter, store::Recipient};
use tenancy::Language;

/// What a mail says. `token` goes into the link, and stands by itself for programs that can't open links.
pub(super) fn letter(template: Template, to: &Recipient, base: &str, token: Option<&str>) -> Letter {
    let company = to.tenant.as_ref().map_or("Tenantry", |(_, name)| name.as_str());
    let slug = to.tenant.as_ref().map_or("", |(slug, _)| slug.as_str());
    let base = base.trim_end_matches('/');
    // Tokens are base 64 for URLs and slugs are plain: nothing in a link needs escaping.
    let address = match (template, token) {
        (Template::Welcome, _) | (_, None) => format!("{base}/login"),
        (Template::VerifyEmail, Some(token)) => format!("{base}/verify?slug={slug}&token={token}"),
        (Template::Invitation | Template::PasswordReset, Some(token)) => format!("{base}/password?token={token}"),
    };
    let words = match to.language {
        Language::Turkish => turkish(template, company),
        Language::English => english(template, company),
    };
    let (hello, code, closing) = match to.language {
        Language::Turkish => ("Merhaba", "Ya da bu kodu kullanın", "Tenantry"),
        Language::English => ("Hello", "Or use this code", "Tenantry"),
    };
    Letter {
        subject: words.subject,
        greeting: format!("{hello} {},", to.name),
        lines: words.lines,
        link: Some((words.action, address)),
        code: token.map(|token| (code, token.to_owned())),
        closing,
    }
}

struct Words {
    subject: String,
    lines: Vec<String>,
    action: &'static str,
}

fn english(template: Template, company: &str) -> Words {
    match template {
        Template::Welcome => Words {
            subject: format!("Welcome: {company} is ready"),
            lines: vec![format!("The workspace of {company} is ready to use.")],
            action: "Sign in",
        },
        Template::VerifyEmail => Words {
            subject: "Please confirm your e-mail address".to_owned(),
            lines: vec![
                format!(
                    "Somebody signed {company} up with this address. If that was you, please confirm it within 48 hours."
                ),
                "If it was not you, you need not do anything.".to_owned(),
            ],
            action: "Confirm the address",
        },
        Template::Invitation => Words {
            subject: format!("You are invited to {company}"),
            lines: vec![format!("You are invited to {company}. Choose a password within 7 days to begin.")],
            action: "Choose a password",
        },
        Template::PasswordReset => Words {
            subject: "Choose a new password".to_owned(),
            lines: vec![
                "Somebody asked for a new password for your account. The link is good for one hour.".to_owned(),
                "If it was not you, you need not do anything: your password stays as it is.".to_owned(),
            ],
            action: "Choose a new password",
        },
    }
}

fn turkish(template: Template, company: &str) -> Words {
    match template {
        Template::Welcome => Words {
            subject: format!("Hoş geldiniz: {company} hazır"),
            lines: vec![format!("{company} çalışma alanı kullanıma hazır.")],
            action: "Giriş yapın",
        },
        Template::VerifyEmail => Words {
            subject: "Lütfen e-posta adresinizi doğrulayın".to_owned(),
            lines: vec![
                format!(
                    "{company} bu adresle kaydedildi. Kaydı siz yaptıysanız lütfen adresi 48 saat içinde doğrulayın."
                ),
                "Siz yapmadıysanız bir şey yapmanıza gerek yok.".to_owned(),
            ],
            action: "Adresi doğrulayın",
        },
        Template::Invitation => Words {
            subject: format!("{company} sizi davet ediyor"),
            lines: vec![format!("{company} sizi davet etti. Başlamak için 7 gün içinde bir parola belirleyin.")],
            action: "Parola belirleyin",
        },
        Template::PasswordReset => Words {
            subject: "Yeni bir parola belirleyin".to_owned(),
            lines: vec![
                "Hesabınız için yeni bir parola istendi. Bağlantı bir saat geçerlidir.".to_owned(),
                "Siz istemediyseniz bir şey yapmanıza gerek yok: parolanız değişmez.".to_owned(),
            ],
            action: "Yeni parola belirleyin",
        },
    }
}

#[cfg(test)]
mod tests {
    use tenancy::TenantSlug;

    use super::*;
    use crate::identity::UserStatus;

    fn to(language: Language) -> Recipient {
        Recipient {
            email: "ayse@example.com".to_owned(),
            name: "Ayşe".to_owned(),
            verified: false,
            status: UserStatus::Active,
            language,
            tenant: Some((TenantSlug::parse("acme").unwrap(), "Acme & Söhne".to_owned())),
        }
    }

    #[test]
    fn every_mail_is_written_in_both_languages() {
        for template in Template::ALL {
            let english = letter(*template, &to(Language::English), "http://localhost:8080/", Some("tok"));
            let turkish = letter(*template, &to(Language::Turkish), "http://localhost:8080", Some("tok"));
            assert_ne!(english.subject, turkish.subject);
            assert_ne!(english.lines, turkish.lines);
            assert_eq!(english.link.unwrap().1, turkish.link.unwrap().1);
        }
    }

    #[test]
    fn the_code_stands_by_itself() {
        let mail = letter(Template::VerifyEmail, &to(Language::English), "http://localhost:8080", Some("tok"));
        assert!(mail.plain().contains("http://localhost:8080/verify?slug=acme&token=tok\n"));
        assert!(mail.plain().contains("Or use this code: tok\n"));
        assert!(mail.html().contains("Acme &amp; Söhne"));
    }
}
