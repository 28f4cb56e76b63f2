//! `tenantry doctor`

use std::process::ExitCode;

use clap::Args;
use control_plane::{
    doctor::{Finding, Severity},
    provisioning::Fault,
};
use serde_json::json;

use super::{ACTOR, Common};
use crate::Failed;

/// Compares the platform database with its servers: databases, roles, grants, passwords, schema versions, settings.
/// Exits with 1 when something is wrong and stays so.
#[derive(Args)]
#[command(after_help = "Example:\n  tenantry doctor --fix")]
pub(super) struct Doctor {
    /// Mend what can be mended
    #[arg(long)]
    fix: bool,
}

impl Doctor {
    pub(super) async fn run(self, common: Common) -> Failed<ExitCode> {
        let control_plane = common.platform()?.control_plane(Fault::default())?;
        let doctor = &control_plane.doctor;
        let findings = doctor.examine().await?;
        let mut failures = Vec::new();
        let mut mended = 0;
        let mut left = findings.clone();
        if self.fix && !findings.is_empty() {
            for (finding, result) in doctor.mend(&findings, ACTOR).await {
                match result {
                    Ok(()) => mended += 1,
                    Err(reason) => failures.push((finding, reason)),
                }
            }
            left = doctor.examine().await?;
        }
        let document = json!({
            "findings": findings.iter().map(Finding::subject).collect::<Vec<_>>(),
            "mended": mended,
            "left": left.iter().map(Finding::subject).collect::<Vec<_>>(),
        });
        common.output().print(&document, |_| report(&findings, self.fix, mended, &left));
        for (finding, reason) in &failures {
            eprintln!("not mended: {finding}: {reason}");
        }
        let wrong = left.iter().any(|finding| finding.severity() == Severity::Wrong);
        Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn report(findings: &[Finding], fix: bool, mended: usize, left: &[Finding]) -> String {
    if findings.is_empty() {
        return "Everything is as it should be.".to_owned();
    }
    let mut lines: Vec<String> = findings
        .iter()
        .map(|finding| {
            let mark = if finding.severity() == Severity::Wrong { "wrong " } else { "advice" };
            format!("{mark}  {finding}")
        })
        .collect();
    let mendable = findings.iter().filter(|finding| finding.trouble.can_be_mended()).count();
    lines.push(String::new());
    lines.push(match (fix, mendable) {
        (true, _) => format!("{mended} mended, {} left.", left.len()),
        (false, 0) => format!("{} found; none can be mended from here.", findings.len()),
        (false, _) => format!("{} found; tenantry doctor --fix mends {mendable}.", findings.len()),
    });
    lines.join("\n")
}
