//! What stands around the content of a page.

/// How something is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Not as it should be.
    Bad,
    /// For information.
    Info,
    /// No more than a word.
    Neutral,
}

impl Tone {
    /// The word for it in styles.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Info => "info",
            Self::Neutral => "neutral",
        }
    }
}

impl std::fmt::Display for Tone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A place to go.
#[derive(Debug, Clone)]
pub struct NavItem {
    /// Where.
    pub href: String,
    /// What it is called.
    pub label: String,
    /// Its sign, by its id in `icons.svg`.
    pub icon: &'static str,
    /// Whether this is where somebody is.
    pub is_current: bool,
}

/// Places that belong together.
#[derive(Debug, Clone)]
pub struct NavGroup {
    /// What they have in common; empty for the first.
    pub caption: String,
    /// The places.
    pub items: Vec<NavItem>,
}

/// A notice above the content.
#[derive(Debug, Clone)]
pub struct Banner {
    /// How it is meant.
    pub tone: Tone,
    /// What it says.
    pub text: String,
}

/// What stands around a console's pages.
#[derive(Debug, Clone)]
pub struct Console {
    /// Whether this is the console of those who run the platform.
    pub is_admin: bool,
    /// The tenant's name, or the platform's.
    pub workspace: String,
    /// The tenant's slug; empty for the platform.
    pub slug: String,
    /// Who is signed in.
    pub user: String,
    /// Where the form that ends the sign-in is sent.
    pub sign_out: &'static str,
    /// The places.
    pub groups: Vec<NavGroup>,
    /// Notices.
    pub banners: Vec<Banner>,
}

/// A step of a wizard.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its number, from 1.
    pub number: usize,
    /// What it is called.
    pub name: String,
    /// Whether it lies behind.
    pub is_done: bool,
    /// Whether this is where somebody is.
    pub is_current: bool,
}
