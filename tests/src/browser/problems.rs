//! What a browser finds wrong with pages by itself.

use serde_json::{Value, json};

use super::Browser;

/// Runs before any script of a page: notes what the page's policy refused, and whoever opens a dialog. Notes stay when
/// the page goes.
const NOTES: &str = r#"
(() => {
  const note = (line) => {
    const notes = JSON.parse(sessionStorage.getItem('noted') ?? '[]');
    sessionStorage.setItem('noted', JSON.stringify([...notes, line]));
  };
  addEventListener('securitypolicyviolation', (event) =>
    note(`${location.pathname}: refused by ${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
  for (const dialog of ['alert', 'confirm', 'prompt']) {
    window[dialog] = (text) => note(`${location.pathname}: ${dialog}(${text})`);
  }
})();
"#;

const TAKE_NOTES: &str = r#"
const notes = JSON.parse(sessionStorage.getItem('noted') ?? '[]');
sessionStorage.removeItem('noted');
return notes;
"#;

impl Browser {
    pub(super) async fn take_notes_of_problems(&self) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": NOTES })).await;
    }

    /// Errors in the console, requests that failed, refusals by the policy, dialogs: all since they were asked for last.
    pub async fn problems(&self) -> Vec<String> {
        let severe = |line: &&Value| line["level"] == "SEVERE";
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let log = self.log().await;
        let mut problems: Vec<_> = log.iter().filter(severe).map(|line| text(&line["message"])).collect();
        let noted = self.run(TAKE_NOTES).await;
        problems.extend(noted.as_array().into_iter().flatten().map(text));
        problems
    }

    /// Fails the test where there are any. Browsers count a page among them that is sent with one of these statuses.
    #[track_caller]
    pub fn has_no_problems_but(&self, statuses: &[u16]) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let mut problems = self.problems().await;
            problems.retain(|problem| {
                !statuses.iter().any(|status| problem.contains(&format!("responded with a status of {status} ")))
            });
            assert!(problems.is_empty(), "{caller}: {problems:#?}");
        }
    }

    /// Fails the test where there are any.
    #[track_caller]
    pub fn has_no_problems(&self) -> impl Future<Output = ()> {
        self.has_no_problems_but(&[])
    }
}
