#!/bin/sh
# Makes the certificates of the tests anew, good for a century: a CA, what it signed for the server at 127.0.0.1 and for a
# client, and one for the server that another CA signed and one that has expired. They protect nothing.
set -e
cd "$(dirname "$0")"
ca() { # NAME
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.key" -out "$1.crt" -days 36500 \
    -subj "/CN=$1" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
}
sign() { # NAME CA EXTENSIONS OPTIONS...
  name=$1 by=$2 extensions=$3
  shift 3
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$name.key" -out "$name.csr" \
    -subj "/CN=$name"
  echo "$extensions" >"$name.ext"
  openssl x509 -req -in "$name.csr" -CA "$by.crt" -CAkey "$by.key" -CAcreateserial -out "$name.crt" \
    -extfile "$name.ext" "$@"
}
ca ca
ca other-ca
sign server ca 'subjectAltName=IP:127.0.0.1,DNS:kubernetes.example' -days 36500
sign stranger other-ca 'subjectAltName=IP:127.0.0.1' -days 36500
sign expired ca 'subjectAltName=IP:127.0.0.1' -days -1
sign client ca 'extendedKeyUsage=clientAuth' -days 36500
sign client2 ca 'extendedKeyUsage=clientAuth' -days 36500
rm -f -- *.csr *.ext *.srl ca.key other-ca.key
