//! The whole way that people go, in looks in which every language, width and colour meets every other.

mod operators;
mod signup;

/// A test of each of these journeys for each look.
macro_rules! in_four_looks {
    ($($journey:ident)*) => { $(mod $journey {
        use tenancy::Language::{English, Turkish};
        use tests::browser::Look;

        #[tokio::test(flavor = "multi_thread")]
        async fn tr_390_dark() {
            super::$journey(Look::new(Turkish, Look::NARROW, true)).await;
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn tr_1440_light() {
            super::$journey(Look::new(Turkish, Look::WIDE, false)).await;
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn en_390_light() {
            super::$journey(Look::new(English, Look::NARROW, false)).await;
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn en_1440_dark() {
            super::$journey(Look::new(English, Look::WIDE, true)).await;
        }
    })* };
}
use in_four_looks;
