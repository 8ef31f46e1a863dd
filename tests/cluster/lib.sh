# What up.sh and live.sh share. Sourced in the state folder, with $bin and $state set.
# shellcheck shell=bash

in_use() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)) && in_use $port; do :; done
  echo $port
}

new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

sign() { # NAME SUBJECT EXTENSIONS, in the folder of the CA
  new_key "$1"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -out "$1.crt" \
    -extfile <(printf '%s\n' "$3") 2>/dev/null
}

kubeconfig() { # FILE PORT USER, the user as inline YAML
  cat >"$1" <<END
apiVersion: v1
kind: Config
current-context: test
clusters:
- name: test
  cluster: {server: "https://127.0.0.1:$2", certificate-authority-data: $(base64 -w0 pki/ca.crt)}
users:
- name: test
  user: $3
contexts:
- name: test
  context: {cluster: test, user: test}
END
}

certificate_user() { # NAME of a certificate in pki
  echo "{client-certificate-data: $(base64 -w0 "pki/$1.crt"), client-key-data: $(base64 -w0 "pki/$1.key")}"
}

start() { # NAME ARGUMENT...
  local name=$1
  shift
  setsid "$bin/$name" "$@" >"$name.log" 2>&1 </dev/null &
  echo $! >"$name.pid"
}
