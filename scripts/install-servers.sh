#!/bin/sh
# Installs the real NTLM servers and clients of the interop tests, and the browser that looks at the page, from Debian
# or Ubuntu packages. Starts none of them.
set -eu

packages='samba winbind krb5-config gss-ntlmssp python3-gssapi apache2 libapache2-mod-auth-gssapi openssl
  squid-openssl tshark tcpdump curl git wget gcc libc6-dev chromium
  samba-ad-provision samba-dsdb-modules samba-vfs-modules python3-samba dovecot-imapd dovecot-pop3d exim4-daemon-heavy
  python3-winrm python3-requests-ntlm firefox-esr cntlm krb5-kdc krb5-admin-server krb5-user libkrb5-dev g++ make'

missing=
for package in $packages; do
  status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$status" = 'install ok installed' ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
  echo 'The NTLM servers are already installed.'
  exit 0
fi
echo "Installing the NTLM servers:$missing"

as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo

# keeps the packages from starting their daemons
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap '$as_root rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
  $as_root chmod 755 "$policy"
fi

$as_root apt-get -qq -o DPkg::Lock::Timeout=400 update
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive \
  apt-get -qq -o DPkg::Lock::Timeout=400 -o Dpkg::Use-Pty=0 install -y --no-install-recommends $missing >/dev/null
