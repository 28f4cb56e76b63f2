//! The files of documents, as pages send and read them.

use actix_multipart::Multipart;
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, Path},
};
use futures_util::TryStreamExt;
use tenancy::{Code, Problem};
use ui::Form;

use super::{DOCUMENTS, api, kinds, resource};
use crate::{
    console::Desk,
    modules::resource::{OnePath, show_refused, version_in},
};

type Answer = Result<HttpResponse, Problem>;

/// The longest field that is no file, in bytes.
const MAX_FIELD: usize = 4096;

/// Takes a file from a form, whose token comes before it.
pub(super) async fn upload(desk: Desk, request: HttpRequest, path: Path<OnePath>, mut parts: Multipart) -> Answer {
    let document = DOCUMENTS.id(&path)?;
    let broken = |error: actix_multipart::MultipartError| Problem::new(Code::BadRequest, error.to_string());
    let mut fields = Vec::new();
    while let Some(mut part) = parts.try_next().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        if name != "file" {
            let value =
                part.bytes(MAX_FIELD).await.map_err(|_| Problem::new(Code::BadRequest, "a field is too long"))?;
            let value: Bytes = value.map_err(broken)?;
            fields.push((name, String::from_utf8_lossy(&value).into_owned()));
            continue;
        }
        Form::of(std::mem::take(&mut fields)).check(&request)?;
        let file_name =
            part.content_disposition().and_then(|about| about.get_filename()).unwrap_or_default().to_owned();
        let kind = part.content_type().map(ToString::to_string);
        let kind = kind.as_deref().and_then(kinds::known).or_else(|| kinds::of_name(&file_name));
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
