#!/usr/bin/env bash
# Makes a base for the image from Debian's packages, for machines that reach no container registry:
#   tests/live/image-base.sh      (as root, with debootstrap and buildah)
# localhost/sidewatch-base is slim (python3 and CA certificates); localhost/sidewatch-build-base has python3-venv besides.
# Images that are there already are kept.
set -euo pipefail
suite=${1:-bookworm}
buildah inspect --type image localhost/sidewatch-build-base >/dev/null 2>&1 \
  && buildah inspect --type image localhost/sidewatch-base >/dev/null 2>&1 && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mirror=$(grep -hoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1 | tr -d ' ' || true)
debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$suite" "$work/root" ${mirror:+"$mirror"} >"$work/log" 2>&1 \
  || { tail "$work/log" >&2; exit 1; }
commit() { # name: the folder as it is now, as an image
  local box
  box=$(buildah from scratch)
  buildah add --quiet "$box" "$work/root" / >/dev/null
  buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$box"
  buildah commit --quiet "$box" "$1" >/dev/null
  buildah rm "$box" >/dev/null
}
rm -rf "$work"/root/var/cache/apt/* "$work"/root/var/lib/apt/lists/*
commit localhost/sidewatch-build-base
chroot "$work/root" dpkg --purge --force-depends python3-venv python3.11-venv python3-pip-whl python3-setuptools-whl >/dev/null 2>&1 || true
rm -rf "$work"/root/usr/share/{doc,man,info,locale,lintian,python-wheels}/* "$work"/root/var/log/*
commit localhost/sidewatch-base
