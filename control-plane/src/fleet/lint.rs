//! What is dangerous about a migration, before it runs anywhere: statements that lose data, that old programs don't
//! survive, or that lock tables for long.

use serde::Serialize;
use squawk_linter::{Linter, Rule};
use squawk_syntax::{Parse, SourceFile, SyntaxKind, ast::Stmt};
use tenancy::migrate::{Migrations, is_no_transaction};

/// What is looked for. The linter has more rules; those are about taste, or about what refinery and the runner see to.
const RULES: [Rule; 22] = [
    // Data is lost.
    Rule::BanDropColumn,
    Rule::BanDropTable,
    Rule::BanDropSchema,
    Rule::BanDropDatabase,
    Rule::BanTruncateCascade,
    // Programs that are still running break.
    Rule::RenamingColumn,
    Rule::RenamingTable,
    Rule::AddingRequiredField,
    Rule::ChangingColumnType,
    // A table is locked while all of it is read or written.
    Rule::RequireConcurrentIndexCreation,
    Rule::RequireConcurrentIndexDeletion,
    Rule::RequireConcurrentReindex,
    Rule::RequireConcurrentPartitionDetach,
    Rule::ConstraintMissingNotValid,
    Rule::AddingFieldWithDefault,
    Rule::AddingForeignKeyConstraint,
    Rule::AddingNotNullableField,
    Rule::AddingSerialPrimaryKeyField,
    Rule::DisallowedUniqueConstraint,
    // It can't work, or not as a whole.
    Rule::BanConcurrentIndexCreationInTransaction,
    Rule::TransactionNesting,
    Rule::IdentifierTooLong,
];

/// The comment that allows a finding in the statement below it: `-- squawk-ignore RULE -- why`.
const ALLOW: &str = "squawk-ignore";

/// A finding in a migration.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Finding {
    /// The migration.
    pub migration: String,
    /// The line, from 1.
    pub line: usize,
    /// The rule's name, by which it is allowed; `syntax` is none that can be.
    pub rule: String,
    /// What is wrong.
    pub message: String,
    /// What to do instead.
    pub help: Option<String>,
}

/// The findings in the migrations above a version, in order.
#[must_use]
pub fn lint(migrations: &Migrations, after: i32) -> Vec<Finding> {
    let texts = migrations.texts().filter(|(version, _)| *version > after);
    migrations.after(after).zip(texts).flat_map(|(name, (_, text))| lint_text(&name, text)).collect()
}

fn lint_text(migration: &str, text: &str) -> Vec<Finding> {
    let finding = |line, rule: &str, message: &str, help| {
        let (migration, rule, message) = (migration.to_owned(), rule.to_owned(), message.to_owned());
        Finding { migration, line, rule, message, help }
    };
    let line_at = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
    let parsed = SourceFile::parse(text);
    let mut findings: Vec<Finding> = parsed
        .errors()
        .iter()
        .map(|error| finding(line_at(error.range().start().into()), "syntax", error.message(), None))
        .collect();
    let mut linter = Linter::from(RULES);
    // Refinery begins a transaction around every migration that does not ask for none.
    linter.settings.assume_in_transaction = !is_no_transaction(text);
    findings.extend(linter.lint(&parsed, text).into_iter().map(|violation| {
        let line = line_at(violation.text_range.start().into());
        finding(line, &violation.code.to_string(), &violation.message, violation.help)
    }));
    findings.extend(
        misplaced(&parsed, text)
            .into_iter()
            .map(|(rule, message, help)| finding(1, rule, message, Some(help.to_owned()))),
    );
    findings.extend(unexplained(text).map(|line| {
        let help = Some(format!("-- {ALLOW} RULE -- why it is safe here"));
        finding(line, "unexplained", "a finding is allowed without a reason", help)
    }));
    findings.sort_by_key(|finding| finding.line);
    findings
}

/// What runs in a transaction and can't, or outside of one and must not: with a crash between two statements the first
/// would run twice.
fn misplaced(parsed: &Parse<SourceFile>, text: &str) -> Option<(&'static str, &'static str, &'static str)> {
    let statements: Vec<Stmt> = parsed.tree().stmts().collect();
    match statements.as_slice() {
        [Stmt::CreateIndex(index)] if !is_no_transaction(text) && index.concurrently_token().is_some() => Some((
            "ban-concurrent-index-creation-in-transaction",
            "an index can't be created concurrently in a transaction",
            "begin the file with the line -- no-transaction",
        )),
        [_, _, ..] if is_no_transaction(text) => Some((
            "one-statement",
            "a migration outside a transaction must be one statement",
            "put each of them into a migration of its own",
        )),
        _ => None,
    }
}

/// Lines that allow a finding and don't say why.
fn unexplained(text: &str) -> impl Iterator<Item = usize> {
    let allows = text.lines().zip(1..).filter_map(|(line, number)| {
        let (_, allowance) = line.split_once("--")?;
        allowance.trim_start().strip_prefix(ALLOW).map(|rest| (rest.to_owned(), number))
    });
    allows.filter(|(rest, _)| rest.split_once("--").is_none_or(|(_, why)| why.trim().is_empty())).map(|(_, line)| line)
}

/// Whether a migration begins or ends transactions itself: it could be neither rehearsed nor undone.
#[must_use]
pub(super) fn controls_transactions(text: &str) -> bool {
    let controls = |statement: Stmt| {
        matches!(statement, Stmt::Begin(_) | Stmt::Commit(_) | Stmt::Rollback(_) | Stmt::PrepareTransaction(_))
    };
    SourceFile::parse(text).tree().stmts().any(controls)
}

/// Whether a migration can lose data: what it has allowed makes no difference.
#[must_use]
pub(super) fn loses_data(text: &str) -> bool {
    let losing = |kind: SyntaxKind| {
        matches!(
            kind,
            SyntaxKind::DELETE
                | SyntaxKind::UPDATE
                | SyntaxKind::CONFLICT_DO_UPDATE_SET
                | SyntaxKind::TRUNCATE
                | SyntaxKind::DROP_TABLE
                | SyntaxKind::DROP_SCHEMA
                | SyntaxKind::DROP_COLUMN
                | SyntaxKind::SET_TYPE
                | SyntaxKind::DO
                | SyntaxKind::MERGE
                | SyntaxKind::DROP_TYPE
                | SyntaxKind::DROP_DOMAIN
                | SyntaxKind::DROP_EXTENSION
                | SyntaxKind::DROP_MATERIALIZED_VIEW
                | SyntaxKind::DROP_OWNED
        )
    };
    let parsed = SourceFile::parse(text);
    // What can't be read may do anything.
    !parsed.errors().is_empty() || parsed.syntax_node().descendants().any(|node| losing(node.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<String> {
        lint_text("V1__a", text).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn dangers_are_found() {
        for (text, rule) in [
            ("ALTER TABLE a DROP COLUMN b;", "ban-drop-column"),
            ("DROP TABLE a;", "ban-drop-table"),
            ("ALTER TABLE a RENAME COLUMN b TO c;", "renaming-column"),
            ("CREATE INDEX i ON a (b);", "require-concurrent-index-creation"),
            ("CREATE INDEX CONCURRENTLY i ON a (b);", "ban-concurrent-index-creation-in-transaction"),
            ("ALTER TABLE a ALTER COLUMN b TYPE integer;", "changing-column-type"),
            ("SELEKT 1;", "syntax"),
            ("-- no-transaction\nCREATE INDEX CONCURRENTLY i ON a (b); SELECT 1;", "one-statement"),
        ] {
            assert!(rules(text).contains(&rule.to_owned()), "{text}: {:?}", rules(text));
        }
        for text in [
            "CREATE TABLE a (id uuid PRIMARY KEY); CREATE INDEX i ON a (id);",
            "ALTER TABLE a ADD COLUMN b text;",
            "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON a (b);",
        ] {
            assert_eq!(rules(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_finding_is_allowed_with_a_reason() {
        assert_eq!(
            rules("-- squawk-ignore ban-drop-table -- nobody has rows in it\nDROP TABLE a;"),
            Vec::<String>::new()
        );
        assert_eq!(rules("-- squawk-ignore ban-drop-table\nDROP TABLE a;"), ["unexplained"]);
    }

    #[test]
    fn transactions_are_the_runners() {
        assert!(controls_transactions("BEGIN; CREATE TABLE a (b int); COMMIT;"));
        assert!(!controls_transactions("CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;"));
    }

    #[test]
    fn what_can_lose_data_is_known() {
        for (text, loses) in [
            ("ALTER TABLE a DROP COLUMN b;", true),
            ("-- squawk-ignore ban-drop-table -- nobody has rows in it\nDROP TABLE a;", true),
            ("TRUNCATE a;", true),
            ("DELETE FROM a WHERE b = 1;", true),
            ("UPDATE a SET b = NULL;", true),
            ("ALTER TABLE a ALTER COLUMN b TYPE integer USING b::integer;", true),
            ("DO $$ BEGIN DELETE FROM a; END $$;", true),
            ("SELEKT 1;", true),
            ("ALTER TABLE a ADD COLUMN b text;", false),
            ("CREATE TABLE c (a uuid REFERENCES a ON DELETE CASCADE);", false),
            ("CREATE INDEX i ON a (b);", false),
        ] {
            assert_eq!(loses_data(text), loses, "{text}");
        }
    }
}
