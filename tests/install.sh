# Installs programs with what the system has for that. Sourced by `run` and `demo`.
# shellcheck shell=bash

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

require() {
    command -v "$1" >/dev/null 2>&1 || fail "\`$1\` is missing; install $2"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        fail "root is needed for: $* (there is no sudo here)"
    fi
}

# install_programs NAME...: those that are missing; the package has the program's name.
install_programs() {
    local name missing=""
    for name in "$@"; do
        command -v "$name" >/dev/null 2>&1 || missing="$missing $name"
    done
    command -v cc >/dev/null 2>&1 || missing="$missing cc"
    [ -n "$missing" ] || return 0
    printf '== installing:%s\n' "$missing"
    # shellcheck disable=SC2086 # a list of words
    if command -v apt-get >/dev/null 2>&1; then
        as_root apt-get update -q ||
            printf 'note: the list of packages could not be updated\n' >&2
        as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -q --no-install-recommends ${missing/ cc/ build-essential} ||
            fail "apt-get could not install:$missing"
    elif [[ $missing = *" cc"* ]]; then
        fail "there is no C compiler; install one (on macOS: xcode-select --install)"
    elif command -v brew >/dev/null 2>&1; then
        brew install $missing || fail "brew could not install:$missing"
    else
        fail "neither apt-get nor brew is here; please install:$missing"
    fi
    hash -r
}
