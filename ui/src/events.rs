//! Server-sent events (HTML, 9.2): a page that shows something in motion is told when to look again.

use std::time::Duration;

use actix_web::{HttpResponse, http::header, web::Bytes};
use futures_util::stream;
use tenancy::Problem;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep},
};

/// How many pages of one process are told at once; others are as fresh as they were loaded.
static ROOM: Semaphore = Semaphore::const_new(200);
/// How often is looked.
const EVERY: Duration = Duration::from_millis(200);
/// After this long the browser asks again by itself, and is checked again.
const AT_MOST: Duration = Duration::from_secs(60);
/// How long it waits before that, in milliseconds.
const AGAIN: &str = "retry: 1000\n\n";

/// What is in motion, at one moment.
pub struct Look {
    /// Differs when there is something new to see.
    pub state: String,
    /// Nothing will change any more.
    pub is_over: bool,
}

struct Telling<F> {
    look: F,
    seen: Option<String>,
    is_over: bool,
    since: Instant,
    _place: SemaphorePermit<'static>,
}

/// Tells a page whenever something has changed, until that is over.
///
/// # Errors
/// `UNAVAILABLE` when too many pages are being told already.
pub fn events<F, Fut>(look: F) -> Result<HttpResponse, Problem>
where
    F: FnMut() -> Fut + 'static,
    Fut: Future<Output = Result<Look, Problem>> + 'static,
{
    let place = ROOM.try_acquire().map_err(Problem::unavailable)?;
    let telling = Telling { look, seen: None, is_over: false, since: Instant::now(), _place: place };
    let told = stream::unfold(telling, |mut telling| async move {
        let text = next(&mut telling).await?;
        Some((Ok::<_, Problem>(Bytes::from(text)), telling))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(Box::pin(told)))
}

async fn next<F, Fut>(telling: &mut Telling<F>) -> Option<String>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Look, Problem>>,
{
    if telling.is_over {
        return None;
    }
    loop {
        if telling.since.elapsed() > AT_MOST {
            return None;
        }
        // What can't be told now may be in a moment: the browser asks again by itself.
        let Look { state, is_over } = (telling.look)().await.ok()?;
        telling.is_over = is_over;
        if is_over {
            return Some("event: end\ndata: \n\n".to_owned());
        }
        match telling.seen.replace(state.clone()) {
            // The page was made a moment before: what it shows may be older than what is known now.
            None => return Some(format!("{AGAIN}data: \n\n")),
            Some(seen) if seen != state => return Some("data: \n\n".to_owned()),
            Some(_) => sleep(EVERY).await,
        }
    }
}
