//! The files of documents, as pages send and read them.

use actix_multipart::Multipart;
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, Path},
};
use futures_util::TryStreamExt;
use tenancy::{Code, Problem, fields::FieldErrors};
use ui::Form;

use super::{DOCUMENTS, api, kinds, resource};
use crate::{
    console::Desk,
    modules::resource::{OnePath, show_refused, version_in},
};

type Answer = Result<HttpResponse, Problem>;

/// The longest field that is no file, in bytes, and how many there may be: the form has its token alone.
const MAX_FIELD: usize = 4096;
const MAX_FIELDS: usize = 4;

/// Takes a file from a form, whose token comes before it.
pub(super) async fn upload(desk: Desk, request: HttpRequest, path: Path<OnePath>, mut parts: Multipart) -> Answer {
    let document = DOCUMENTS.id(&path)?;
    let broken = |error: actix_multipart::MultipartError| Problem::new(Code::BadRequest, error.to_string());
    let mut fields = Vec::new();
    while let Some(mut part) = parts.try_next().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        if name != "file" {
            if fields.len() == MAX_FIELDS {
                return Err(Problem::new(Code::BadRequest, "the form has too many fields"));
            }
            let value =
                part.bytes(MAX_FIELD).await.map_err(|_| Problem::new(Code::BadRequest, "a field is too long"))?;
            let value: Bytes = value.map_err(broken)?;
            fields.push((name, String::from_utf8_lossy(&value).into_owned()));
            continue;
        }
        Form::of(std::mem::take(&mut fields)).check(&request)?;
        let file_name = part.content_disposition().and_then(|about| about.get_filename()).unwrap_or_default();
        // Browsers send a quotation mark so (HTML, multipart/form-data).
        let file_name = file_name.replace("%22", "\"");
        if file_name.is_empty() {
            let mut errors = FieldErrors::default();
            errors.add("file", "is required");
            return show_refused(resource(), desk, document, &errors.problem()).await;
        }
        // What a browser says of a kind depends on what is installed: to some, a table in plain text is one of Excel.
        let said = part.content_type().map(ToString::to_string);
        let kind = kinds::of_name(&file_name).or_else(|| said.as_deref().and_then(kinds::known));
        let content = part.map_err(|error| error.to_string());
        if let Err(problem) = api::store_file(&desk.tenant, document, &file_name, kind, content).await {
            return show_refused(resource(), desk, document, &problem).await;
        }
        return Ok(desk.page.see_other(&format!("{}/{document}?done=uploaded", DOCUMENTS.page())));
    }
    Err(Problem::new(Code::BadRequest, "the form has no file"))
}

/// Deletes a document with its file.
pub(super) async fn delete(desk: Desk, path: Path<OnePath>, form: Form) -> Answer {
    let document = DOCUMENTS.id(&path)?;
    if let Err(problem) = api::delete_with_file(&desk.tenant, document, Some(version_in(&form))).await {
        return show_refused(resource(), desk, document, &problem).await;
    }
    Ok(desk.page.see_other(&format!("{}?done=deleted", DOCUMENTS.page())))
}
