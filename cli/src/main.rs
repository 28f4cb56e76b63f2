//! `tenantry`: the one program.

fn main() -> std::process::ExitCode {
    tenantry::run()
}
