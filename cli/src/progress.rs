//! Progress of long work on standard error: a bar on a terminal, a line now and then elsewhere.

use std::{io::IsTerminal, time::Duration};

use control_plane::fleet::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::{sync::watch, task::JoinHandle, time::Instant};

/// How often a bar is drawn.
const DRAW: Duration = Duration::from_millis(100);
/// How often a line is written.
const LINE: Duration = Duration::from_secs(5);

/// A line that counts on a terminal, and nothing elsewhere.
pub(crate) fn counter() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(DRAW);
    bar
}

/// Work that is being followed.
pub(crate) struct Following(JoinHandle<()>);

impl Following {
    /// Waits until the last of it was shown. The work's sender must be gone.
    pub(crate) async fn end(self) {
        let _ = self.0.await;
    }
}

/// Follows work until its sender is dropped.
pub(crate) fn follow(mut progress: watch::Receiver<Progress>, verb: &'static str) -> Following {
    Following(tokio::spawn(async move {
        if std::io::stderr().is_terminal() {
            draw(&mut progress, verb).await;
        } else {
            write(&mut progress, verb).await;
        }
    }))
}

async fn draw(progress: &mut watch::Receiver<Progress>, verb: &str) {
    let bar = ProgressBar::new(0);
    let style = "{msg} {bar:30} {pos} of {len}, {per_sec}, {eta} left";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut said = None;
    loop {
        let now = progress.borrow_and_update().clone();
        bar.set_length(now.total as u64);
        bar.set_position(now.turns() as u64);
        bar.set_message(if now.failed > 0 { format!("{verb}, {} failed:", now.failed) } else { verb.to_owned() });
        if now.last_failure != said {
            if let Some(failure) = &now.last_failure {
                bar.println(format!("failed: {failure}"));
            }
            said = now.last_failure;
        }
        tokio::time::sleep(DRAW).await;
        if progress.has_changed().is_err() {
            bar.finish_and_clear();
            return;
        }
    }
}

async fn write(progress: &mut watch::Receiver<Progress>, verb: &str) {
    let began = Instant::now();
    let mut next = began + LINE;
    // Short work says nothing: its result follows at once.
    while progress.changed().await.is_ok() {
        let now = progress.borrow_and_update().clone();
        if Instant::now() >= next {
            let rate = now.turns() as f64 / began.elapsed().as_secs_f64();
            let left = (now.total - now.turns().min(now.total)) as f64 / rate.max(0.001);
            eprintln!(
                "{verb}: {} of {}, {} failed, {rate:.0} a second, {left:.0} s left",
                now.turns(),
                now.total,
                now.failed
            );
            next = Instant::now() + LINE;
        }
    }
}
