//! Whose eyes a page is seen with.

use std::fmt;

use tenancy::Language;

/// How wide the window is, how bright the room, and which language its owner reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub width: u32,
    pub dark: bool,
    pub language: Language,
}

impl Look {
    /// A telephone.
    pub const NARROW: u32 = 390;
    /// A small telephone, or a desk at four times its size.
    pub const NARROWEST: u32 = 320;
    /// A desk.
    pub const WIDE: u32 = 1440;

    /// Every one that pages are made for, for somebody who reads this language.
    pub fn all(language: Language) -> [Self; 4] {
        [(Self::WIDE, false), (Self::WIDE, true), (Self::NARROW, true), (Self::NARROW, false)]
            .map(|(width, dark)| Self { width, dark, language })
    }

    /// One of them.
    pub const fn new(language: Language, width: u32, dark: bool) -> Self {
        Self { width, dark, language }
    }

    pub const fn height(self) -> u32 {
        if self.width < 600 { 844 } else { 900 }
    }
}

impl Default for Look {
    fn default() -> Self {
        Self { width: Self::WIDE, dark: false, language: Language::English }
    }
}

/// As it stands in a file's name.
impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.language, self.width, if self.dark { "dark" } else { "light" })
    }
}
