//! Rebuilds when a migration is added: `embed_migrations!` looks at the folder once, at compile time.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
    println!("cargo:rerun-if-changed=../tenant-migrations");
}
