//! The keyboard, and where it is.

use fantoccini::{
    actions::{InputSource, KeyAction, KeyActions},
    key::Key,
};
use serde_json::json;

use super::Browser;

/// What is wrong with where the keyboard is: it must be on something, which can be seen, and looks as if it was there.
const FOCUS: &str = "
const one = document.activeElement;
if (!one || one === document.body) return 'nothing has the focus';
const isMarked = (at) => at && getComputedStyle(at).outlineStyle !== 'none' && parseFloat(getComputedStyle(at).outlineWidth) > 0;
// Inside of a day it is on one of its parts, which the browser marks itself.
const isSeen = /^date/.test(one.type) || [one, one.parentElement, one.nextElementSibling, one.closest('label')].some(isMarked);
const { left, top, width, height } = (one.type === 'radio' ? one.parentElement : one).getBoundingClientRect();
const at = document.elementFromPoint(left + Math.min(width, innerWidth) / 2, top + Math.min(height, innerHeight) / 2);
const isFree = at && (one.contains(at) || at.contains(one) || at.closest('label')?.contains(one));
return isSeen && isFree ? '' : `${isSeen ? 'hidden' : 'not marked'}: ${one.outerHTML.slice(0, 200)}`;
";

impl Browser {
    /// Presses a key and lets it go.
    pub async fn key(&self, key: Key) {
        let value = char::from(key);
        let keys = KeyActions::new("keyboard".to_owned()).then(KeyAction::Down { value }).then(KeyAction::Up { value });
        self.client.perform_actions(keys).await.unwrap();
    }

    /// Types where the keyboard is.
    pub async fn type_here(&self, text: &str) {
        self.client.active_element().await.unwrap().send_keys(text).await.unwrap();
    }

    /// Goes on with the tabulator until it is on one of these; wherever it comes by, that is to be seen.
    pub async fn tab_to(&self, css: &str) {
        self.read("the keyboard on the page", "return document.hasFocus() || null", vec![]).await;
        for _ in 0..80 {
            self.key(Key::Tab).await;
            let wrong = self.run(FOCUS).await;
            assert_eq!(wrong, "", "at {}", self.here().await);
            if self.run_with("return document.activeElement.matches(arguments[0])", vec![json!(css)]).await == true {
                return;
            }
        }
        panic!("the keyboard does not come to {css} at {}", self.here().await);
    }
}
