# What a machine needs before the project builds and runs. Sourced by the scripts beside this folder.

say() { printf '%s\n' "$*" >&2; }

die() {
    say "error: $1"
    [ $# -lt 2 ] || say "hint: $2"
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this needs root: $*" "run the script as root, or install sudo"
    fi
}

apt_install() {
    command -v apt-get >/dev/null ||
        die "missing: $*; and this is not a Debian or Ubuntu system" "install them yourself and run this again"
    # A fresh image has no package lists, and old lists name packages that are gone.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@" >&2 ||
        { as_root apt-get -qq -o DPkg::Lock::Timeout=300 update >&2 &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@" >&2; } ||
        die "apt-get could not install: $*" "check the network and the package sources, then run this again"
}

need_rust() {
    local tool
    # rustup puts it there, and only new logins have that in their PATH.
    command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    command -v cargo >/dev/null || die "cargo (Rust) was not found" "install Rust from https://rustup.rs and run this again"
    for tool in "$@"; do
        cargo "$tool" --version >/dev/null 2>&1 ||
            die "cargo $tool was not found" "rustup component add ${tool/fmt/rustfmt}"
    done
}

need_compiler() {
    command -v cc >/dev/null || { say "installing a C compiler (the linker for Rust)"; apt_install gcc libc6-dev; }
}

# Programs in Python that tests run against, each in a folder of its own: schemathesis walks the API's description, moto
# is S3.
need_peers() {
    need_peer schemathesis schemathesis==4.32.5
    need_peer moto 'moto[server]==5.2.5'
}

need_peer() {
    local name=$1 wanted=$2 folder=target/peers/$1
    [ "$(cat "$folder/version" 2>/dev/null)" != "$wanted" ] || return 0
    say "installing $wanted"
    python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3 python3-venv
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" --quiet --disable-pip-version-check install "$wanted" ||
        die "$name could not be installed" "check that pip reaches PyPI, then run this again"
    echo "$wanted" >"$folder/version"
}

has_postgres() {
    local program major
    for program in $(type -ap postgres) /usr/lib/postgresql/*/bin/postgres /usr/pgsql-*/bin/postgres /usr/local/pgsql/bin/postgres; do
        [ -x "$program" ] && [ -x "${program%/*}/initdb" ] || continue
        major=$("$program" --version 2>/dev/null | sed -E 's/^.*\(PostgreSQL\) ([0-9]+).*$/\1/')
        [ "$major" -ge 15 ] 2>/dev/null && return 0
    done
    return 1
}

need_postgres() {
    ! has_postgres || return 0
    say "installing PostgreSQL"
    # Debian's package would start a server for the whole machine; ours is private.
    (
        conf=/etc/postgresql-common/createcluster.d/tenantry.conf
        as_root mkdir -p "${conf%/*}"
        trap 'as_root rm -f "$conf"' EXIT
        echo 'create_main_cluster = false' | as_root tee "$conf" >/dev/null
        apt_install postgresql
    ) || exit 1
    has_postgres || die "the newest PostgreSQL of this system is older than 15" "add the packages of https://apt.postgresql.org and run this again"
}
