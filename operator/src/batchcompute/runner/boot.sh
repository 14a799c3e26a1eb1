#!/bin/sh
# BatchCompute: fetches this machine's runner and starts it; tells the bucket when that fails.
L='@LAUNCH@'
SHA='@SHA256@'
DEADLINE='@DEADLINE@'
GT='@GET_TOKEN@'
PT='@PUT_TOKEN@'
RUNNER='@RUNNER@'$GT
DIR='@DIR@'$GT
FAIL='@FAIL@'$PT
S=${BATCHCOMPUTE_STATE:-/var/lib/batchcompute}
umask 077
mkdir -p "$S" && chmod 711 "$S" || S=/tmp
exec >>"$S/boot.log" 2>&1
have() { command -v "$1" >/dev/null 2>&1; }

get() { # URL FILE
  if have curl; then curl -fsS -m 60 -o "$2" "$1"
  elif [ -n "$PY" ]; then
    "$PY" -c 'import sys,urllib.request as u
open(sys.argv[2],"wb").write(u.urlopen(sys.argv[1],timeout=60).read())' "$1" "$2"
  else wget -q -T 60 -O "$2" "$1"; fi
}
put() { # URL FILE
  if have curl; then curl -fsS -m 60 -T "$2" "$1"
  elif [ -n "$PY" ]; then
    "$PY" -c 'import sys,urllib.request as u
u.urlopen(u.Request(sys.argv[1],open(sys.argv[2],"rb").read(),method="PUT"),timeout=60)' "$1" "$2"
  else wget -q -T 60 -O - --method=PUT --body-file="$2" "$1"; fi
}
fail() {
  echo "boot: $1"
  tail -c 2048 "$S/boot.log" >"$S/boot.fail"
  for pause in 1 5 20 60; do put "$FAIL" "$S/boot.fail" && break; sleep $pause; done
  exit 1
}

PY=
for p in python3 /usr/libexec/platform-python; do
  if have $p && $p -c 'import sys; sys.exit(sys.version_info < (3, 6))'; then
    PY=$(command -v $p)
    break
  fi
done
[ -n "$PY" ] || fail "Python 3.6 or newer is not on this image"
cat >"$S/boot" <<EOF
launch=$L
dir=$DIR
fail=$FAIL
deadline=$DEADLINE
EOF
r=$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')
sleep "$((r % 3)).$((r % 10))" || sleep 1
tries=0
until get "$RUNNER" "$S/runner.new"; do
  tries=$((tries + 1))
  [ $((tries * 10)) -lt $((DEADLINE / 2)) ] || fail "the runner cannot be fetched"
  sleep $((tries < 5 ? 2 : 10))
done
found=$("$PY" -c 'import hashlib,sys
print(hashlib.sha256(open(sys.argv[1],"rb").read()).hexdigest())' "$S/runner.new")
[ "$found" = "$SHA" ] || fail "the runner's sha256 is $found, not $SHA"
mv "$S/runner.new" "$S/runner.py" || fail "no place for the runner"

if [ -d /run/systemd/system ]; then
  cat >/etc/systemd/system/batchcompute-runner.service <<EOF || fail "no place for the unit"
[Unit]
Description=BatchCompute runner
StartLimitIntervalSec=0
[Service]
ExecStart=$PY -E -s $S/runner.py
Environment=BATCHCOMPUTE_STATE=$S
Restart=always
RestartSec=1
KillMode=process
OOMScoreAdjust=-900
TasksMax=infinity
[Install]
WantedBy=multi-user.target
EOF
  systemctl daemon-reload && systemctl enable batchcompute-runner &&
    systemctl start --no-block batchcompute-runner || fail "systemd does not take the unit"
else
  export BATCHCOMPUTE_STATE="$S"
  have setsid && run=setsid || run=nohup
  $run sh -c 'while :; do "$0" -E -s "$1/runner.py" >>"$1/runner.log" 2>&1; sleep 1; done' \
    "$PY" "$S" </dev/null >/dev/null 2>&1 &
fi
echo "boot: started"
