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

# A browser, the program that drives it, and what examines its pages for people who can't see or point.
need_browser() {
    if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
        say "installing Chromium"
        apt_install chromium chromium-driver
    fi
    need_axe 4.14.1 e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745
}

need_axe() {
    local version=$1 sum=$2 folder=target/peers/axe
    [ "$(cat "$folder/version" 2>/dev/null)" != "$version" ] || return 0
    say "installing axe-core $version"
    rm -rf "$folder"
    mkdir -p "$folder"
    axe_by_npm "$version" "$folder" || axe_by_curl "$version" "$folder" ||
        { command -v npm >/dev/null || apt_install npm; axe_by_npm "$version" "$folder"; } ||
        die "axe-core could not be installed" "check that npm or curl reaches the npm registry, then run this again"
    echo "$sum  $folder/axe-core-$version.tgz" | sha256sum --check --quiet - >&2 ||
        die "axe-core $version is not what it was" "look at what the npm registry sent: $folder/axe-core-$version.tgz"
    tar -xzf "$folder/axe-core-$version.tgz" -C "$folder" --strip-components=1 package/axe.min.js
    echo "$version" >"$folder/version"
}

axe_by_npm() {
    command -v npm >/dev/null && npm pack --silent --pack-destination "$2" "axe-core@$1" >/dev/null 2>&1
}

axe_by_curl() {
    command -v curl >/dev/null || apt_install curl ca-certificates
    curl --silent --fail --location --output "$2/axe-core-$1.tgz" "https://registry.npmjs.org/axe-core/-/axe-core-$1.tgz"
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
