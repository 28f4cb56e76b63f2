//! The kinds of files that are kept: what a client calls a file must be what it is.

/// How a kind of file is known.
enum Mark {
    /// It begins with this.
    Begins(&'static [u8]),
    /// It has this at the eighth byte, after `RIFF` and a length.
    Riff(&'static [u8]),
    /// It is text.
    Text,
}

const PACKAGE: &[u8] = b"PK\x03\x04";
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0";

const KINDS: &[(&str, Mark)] = &[
    ("application/pdf", Mark::Begins(b"%PDF-")),
    ("image/png", Mark::Begins(b"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", Mark::Begins(b"\xff\xd8\xff")),
    ("image/gif", Mark::Begins(b"GIF8")),
    ("image/webp", Mark::Riff(b"WEBP")),
    ("image/vnd.dwg", Mark::Begins(b"AC10")),
    ("application/zip", Mark::Begins(PACKAGE)),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", Mark::Begins(PACKAGE)),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Mark::Begins(PACKAGE)),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", Mark::Begins(PACKAGE)),
    ("application/vnd.oasis.opendocument.text", Mark::Begins(PACKAGE)),
    ("application/vnd.oasis.opendocument.spreadsheet", Mark::Begins(PACKAGE)),
    ("application/msword", Mark::Begins(COMPOUND)),
    ("application/vnd.ms-excel", Mark::Begins(COMPOUND)),
    ("text/plain", Mark::Text),
    ("text/csv", Mark::Text),
];

/// The kind that a `Content-Type` names, where files of it are kept.
pub(super) fn known(content_type: &str) -> Option<&'static str> {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    KINDS.iter().map(|(name, _)| *name).find(|name| name.eq_ignore_ascii_case(essence))
}

/// The kind that the ending of a file's name stands for; some browsers know no other.
pub(super) fn of_name(name: &str) -> Option<&'static str> {
    let ending = name.rsplit_once('.')?.1.to_ascii_lowercase();
    let kind = match ending.as_str() {
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "dwg" => "image/vnd.dwg",
        "zip" => "application/zip",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "odt" => "application/vnd.oasis.opendocument.text",
        "ods" => "application/vnd.oasis.opendocument.spreadsheet",
        "doc" => "application/msword",
        "xls" => "application/vnd.ms-excel",
        "txt" => "text/plain",
        "csv" => "text/csv",
        _ => return None,
    };
    known(kind)
}

/// All kinds.
pub(super) fn all() -> Vec<&'static str> {
    KINDS.iter().map(|(name, _)| *name).collect()
}

/// Whether a file that begins like this is of a kind.
pub(super) fn is(kind: &str, head: &[u8]) -> bool {
    KINDS.iter().any(|(name, mark)| {
        *name == kind
            && match mark {
                Mark::Begins(bytes) => head.starts_with(bytes),
                Mark::Riff(bytes) => head.starts_with(b"RIFF") && head.get(8..8 + bytes.len()) == Some(bytes),
                Mark::Text => is_text(head),
            }
    })
}

/// The last character may be cut off.
fn is_text(head: &[u8]) -> bool {
    let whole = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    whole && !head.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_known_by_its_beginning() {
        assert_eq!(known("Text/CSV; charset=utf-8"), Some("text/csv"));
        assert_eq!(known("image/svg+xml"), None);
        assert!(is("application/pdf", b"%PDF-1.7") && !is("application/pdf", b"<html>") && !is("application/pdf", b""));
        assert!(is("image/webp", b"RIFF\0\0\0\0WEBPVP8 ") && !is("image/webp", b"RIFF\0\0\0\0WAVE"));
        assert!(is("text/plain", "Çağ".as_bytes()) && is("text/plain", &"Ç".as_bytes()[..1]) && is("text/plain", b""));
        assert!(!is("text/plain", b"a\0b") && !is("text/plain", b"\xff\xfe"));
    }
}
