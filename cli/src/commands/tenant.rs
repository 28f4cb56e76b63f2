//! `tenantry tenant`

use std::{io::Read, time::Duration};

use clap::{Args, Subcommand};
use control_plane::{
    ControlPlane,
    audit::Origin,
    identity::Password,
    packages::BillingCycle,
    provisioning::Fault,
    tenants::{ListFilter, NewOwner, NewTenant, SlugChoice, TenantDetail},
};
use serde_json::json;
use tenancy::{EmailAddress, Language, TenantSlug, TenantStatus, fields::FieldErrors};

use super::{ACTOR, Common, adopt::Adopt};
use crate::{CliError, Failed, output::table};

/// Makes, lists, stops and drops tenants.
#[derive(Subcommand)]
pub(super) enum Tenant {
    /// Make a tenant; its owner is invited by mail to set a password
    #[command(
        after_help = "Example:\n  tenantry tenant create --slug acme --name 'Acme Ltd' --owner-email a@acme.com --owner-name Ada --package starter"
    )]
    Create(Create),
    /// Make a tenant of an existing application: its rows are copied, compared with where they came from, and then served
    #[command(
        after_help = "The source is only read. Where anything does not fit, it is named and nothing of the tenant is left. A mapping file says what goes where (docs/operations.md, Adopting an application).\n\nExample:\n  tenantry tenant adopt --slug acme --name 'Acme Ltd' --owner-email a@acme.com --owner-name Ada --package starter --from ./export --mapping acme.toml"
    )]
    Adopt(Box<Adopt>),
    /// List tenants, newest first
    #[command(after_help = "Example:\n  tenantry tenant list --status trial")]
    List {
        /// Only those in this state
        #[arg(long)]
        status: Option<TenantStatus>,
        /// Only those on this package
        #[arg(long)]
        package: Option<String>,
    },
    /// Show one tenant, and how it was made
    #[command(after_help = "Example:\n  tenantry tenant show acme")]
    Show {
        /// Its slug
        #[arg(value_parser = TenantSlug::known)]
        slug: TenantSlug,
    },
    /// Stop serving a tenant; its data stays
    #[command(after_help = "Example:\n  tenantry tenant suspend acme --reason 'invoice 2026-017 is unpaid'")]
    Suspend {
        /// Its slug
        #[arg(value_parser = TenantSlug::known)]
        slug: TenantSlug,
        /// Why, for the record
        #[arg(long)]
        reason: Option<String>,
    },
    /// Serve a suspended tenant again
    #[command(after_help = "Example:\n  tenantry tenant activate acme")]
    Activate {
        /// Its slug
        #[arg(value_parser = TenantSlug::known)]
        slug: TenantSlug,
    },
    /// Label a tenant; tenants labelled canary are the first to be migrated
    #[command(after_help = "Example:\n  tenantry tenant label acme canary")]
    Label {
        /// Its slug
        #[arg(value_parser = TenantSlug::known)]
        slug: TenantSlug,
        /// a-z, 0-9 and dashes; none takes the label away
        #[arg(value_parser = label, default_value = "", hide_default_value = true)]
        label: String,
    },
    /// Delete a tenant: a final backup, then its database and role go
    #[command(after_help = "Example:\n  tenantry tenant drop acme --confirm acme")]
    Drop {
        /// Its slug
        #[arg(value_parser = TenantSlug::known)]
        slug: TenantSlug,
        /// Its slug again
        #[arg(long)]
        confirm: String,
        /// Without a final backup: the data is gone for ever
        #[arg(long)]
        no_backup: bool,
    },
}

#[derive(Args)]
pub(super) struct Create {
    /// Its short name in addresses: a-z, 0-9 and single dashes
    #[arg(long)]
    slug: TenantSlug,
    /// The company's name
    #[arg(long)]
    name: String,
    /// The owner's e-mail address
    #[arg(long)]
    owner_email: EmailAddress,
    /// The owner's name
    #[arg(long)]
    owner_name: String,
    /// The package's key
    #[arg(long)]
    package: String,
    /// monthly or yearly
    #[arg(long, default_value = "monthly")]
    billing_cycle: BillingCycle,
    /// Read the owner's password from standard input instead of inviting them
    #[arg(long)]
    owner_password_stdin: bool,
}

/// How long making a tenant may take before the command says that it goes on.
const LONGEST: Duration = Duration::from_secs(60);

impl Tenant {
    pub(super) async fn run(self, common: Common) -> Failed<()> {
        self.check()?;
        let control_plane = common.platform()?.control_plane(Fault::default())?;
        let tenants = &control_plane.tenants;
        match self {
            Self::Create(create) => create.run(&common, &control_plane).await,
            Self::Adopt(adopt) => adopt.run(&common, &control_plane).await,
            Self::List { status, package } => {
                let list = tenants.list(&ListFilter { status, package }).await?;
                common.output().print(&list, |list| {
                    table(["SLUG", "STATUS", "PACKAGE", "NAME", "DATABASE", "SCHEMA", "CREATED"], list.iter().map(row))
                });
                Ok(())
            }
            Self::Show { slug } => show(&common, &control_plane, &slug).await,
            Self::Suspend { slug, reason } => {
                let tenant = tenants.suspend(&slug, reason.as_deref(), ACTOR).await?;
                common.output().print(&tenant, |_| format!("{slug} is suspended: nobody is served, nothing is lost."));
                Ok(())
            }
            Self::Activate { slug } => {
                let tenant = tenants.activate(&slug, ACTOR).await?;
                common.output().print(&tenant, |tenant| format!("{slug} is {} again.", tenant.status));
                Ok(())
            }
            Self::Label { slug, label } => {
                let known = tenants.set_label(&slug, &label).await?;
                if !known {
                    return Err(no_such_tenant(&slug));
                }
                common.output().print(&json!({ "slug": slug, "label": label }), |_| match label.as_str() {
                    "" => format!("{slug} has no label."),
                    label => format!("{slug} is labelled {label}."),
                });
                Ok(())
            }
            Self::Drop { slug, confirm: _, no_backup } => {
                let tenant = tenants.delete(&slug, !no_backup, ACTOR).await?;
                let backup = control_plane.provisioning.backups().final_backup(&tenant.database, tenant.id);
                let document = json!({ "tenant": tenant, "backup": backup.exists().then_some(&backup) });
                common.output().print(&document, |_| match backup.exists() {
                    true => format!("{slug} is deleted. Its final backup is {}", backup.display()),
                    false => format!("{slug} is deleted, without a backup."),
                });
                Ok(())
            }
        }
    }

    /// What can be told to be wrong without a platform.
    fn check(&self) -> Failed<()> {
        match self {
            Self::Create(create) => create.names().map(|_| ()),
            Self::Adopt(adopt) => adopt.tenant.names().map(|_| ()),
            Self::Drop { slug, confirm, .. } if confirm != slug.as_str() => {
                Err(CliError::usage(format!("--confirm says {confirm:?}, not {:?}", slug.as_str()))
                    .hint("repeat the slug exactly: this deletes all of the tenant's data"))
            }
            _ => Ok(()),
        }
    }
}

fn no_such_tenant(slug: &TenantSlug) -> CliError {
    CliError::new(format!("there is no tenant {slug}")).hint("tenantry tenant list shows all")
}

fn label(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good = text.len() <= 40 && text.chars().all(plain) && !text.starts_with('-');
    if good { Ok(text.to_owned()) } else { Err("must be at most 40 of a-z, 0-9 and dashes".to_owned()) }
}

async fn show(common: &Common, control_plane: &ControlPlane, slug: &TenantSlug) -> Failed<()> {
    let tenant = control_plane.tenants.detail(slug).await?;
    let tenant = tenant.ok_or_else(|| no_such_tenant(slug))?;
    let steps = control_plane.tenants.steps(tenant.id).await?;
    common.output().print(&json!({ "tenant": tenant, "steps": steps }), |_| {
        let mut text = format!(
            "{} ({})\n  id        {}\n  status    {}{}\n  package   {}\n  owner     {}\n  database  {}, schema version {}\n  created   {}\n",
            tenant.name,
            tenant.slug,
            tenant.id,
            tenant.status,
            tenant.status_reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default(),
            tenant.package.as_deref().unwrap_or("none"),
            tenant.owner_email.as_deref().unwrap_or("none"),
            tenant.database,
            tenant.schema_version,
            tenant.created_at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        );
        for step in &steps {
            let state = match (&step.error, step.finished_at) {
                (Some(error), _) => format!("failed: {error}"),
                (None, Some(end)) => format!("done in {:.0} ms", end.duration_since(step.started_at).as_secs_f64() * 1000.0),
                (None, None) => "under way".to_owned(),
            };
            text.push_str(&format!("  {} {:<14} {state}\n", step.direction, step.step));
        }
        text
    });
    Ok(())
}

impl Create {
    /// The names of the company and of its owner.
    fn names(&self) -> Failed<(String, String)> {
        let mut fields = FieldErrors::default();
        let name = fields.text("--name", &self.name, 1, 200);
        let owner_name = fields.text("--owner-name", &self.owner_name, 1, 200);
        name.zip(owner_name).ok_or_else(|| {
            let wrong = fields.finish().err().map(|problem| problem.errors().clone()).unwrap_or_default();
            let wrong: Vec<String> =
                wrong.iter().map(|(field, reasons)| format!("{field} {}", reasons.join(", "))).collect();
            CliError::usage(wrong.join("; "))
        })
    }

    /// What is asked for, on a platform that is ready to make it.
    pub(super) async fn wanted(self, control_plane: &ControlPlane) -> Failed<NewTenant> {
        let (name, owner_name) = self.names()?;
        let password_hash = match self.owner_password_stdin {
            true => Some(hash_from_stdin(control_plane, &self.owner_email).await?),
            false => None,
        };
        control_plane.provisioning.prepare().await?;
        Ok(NewTenant {
            slug: SlugChoice::Exact(self.slug),
            name,
            owner: NewOwner {
                email: self.owner_email,
                name: owner_name,
                // Whoever is invited proves the address by accepting.
                verified: password_hash.is_some(),
                password_hash,
                language: Language::Turkish,
            },
            package: self.package,
            billing_cycle: self.billing_cycle,
            signup_key: None,
            actor: ACTOR.to_owned(),
            origin: Origin::default(),
        })
    }

    async fn run(self, common: &Common, control_plane: &ControlPlane) -> Failed<()> {
        let slug = self.slug.clone();
        let wanted = self.wanted(control_plane).await?;
        let born = control_plane.tenants.create(wanted).await?;
        if !born.finished {
            control_plane.tenants.wait_until_made(born.tenant, LONGEST).await?;
        }
        let tenant = control_plane.tenants.detail(&slug).await?;
        let tenant = tenant.ok_or_else(|| CliError::new("the tenant was deleted meanwhile"))?;
        if tenant.status == TenantStatus::Failed {
            return Err(CliError::new(format!("{slug} could not be made; nothing of it is left"))
                .hint(format!("tenantry tenant show {slug} says at which step")));
        }
        common.output().print(&tenant, |tenant| {
            format!(
                "{} is {}: database {}, package {}",
                tenant.slug,
                tenant.status,
                tenant.database,
                tenant.package.as_deref().unwrap_or("none")
            )
        });
        Ok(())
    }
}

async fn hash_from_stdin(control_plane: &ControlPlane, email: &EmailAddress) -> Failed<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let text = text.trim_end_matches(['\r', '\n']).to_owned();
    let password =
        Password::parse(text, Some(email)).map_err(|error| CliError::new(format!("the password {error}")))?;
    control_plane.identity.passwords().hash(password).await.map_err(CliError::new)
}

fn row(tenant: &TenantDetail) -> [String; 7] {
    [
        tenant.slug.to_string(),
        tenant.status.to_string(),
        tenant.package.clone().unwrap_or_default(),
        tenant.name.clone(),
        tenant.database.to_string(),
        tenant.schema_version.to_string(),
        tenant.created_at.strftime("%Y-%m-%d %H:%M").to_string(),
    ]
}
