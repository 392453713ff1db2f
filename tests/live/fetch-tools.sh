#!/usr/bin/env bash
# Unpacks Prometheus, promtool, Alertmanager and amtool from Debian's packages into a folder, without installing them:
#   tests/live/fetch-tools.sh [DIR]      (default: ~/.cache/sidewatch-tools)
# Newer suites than the machine's own are tried first: their Prometheus needs only a glibc of 2.34.
set -euo pipefail
dir=${1:-${SIDEWATCH_TOOLS:-$HOME/.cache/sidewatch-tools}}
# Debian's Alertmanager reads its templates from here and nowhere else.
assets() { [ -e /usr/share/prometheus/alertmanager ] || { mkdir -p /usr/share/prometheus && ln -s "$dir/root/usr/share/prometheus/alertmanager" /usr/share/prometheus/alertmanager; } || echo "no right to link /usr/share/prometheus/alertmanager: Alertmanager will not start" >&2; }
[ -x "$dir/root/usr/bin/promtool" ] && { assets;  echo "$dir/root/usr/bin"; exit 0; }
command -v apt-get >/dev/null || { echo "apt-get is needed: install promtool by hand" >&2; exit 1; }
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
cd "$dir"
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
unpack promtool prometheus promtool
unpack amtool prometheus-alertmanager
rm -f ./*.deb
assets
echo "$dir/root/usr/bin"
