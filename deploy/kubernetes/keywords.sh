#!/bin/sh
# Prints a ConfigMap with every keyword file of a folder, after `tagger check` and `tagger test` found nothing wrong:
#   deploy/kubernetes/keywords.sh config | kubectl apply --server-side -f -
# Client-side apply would keep a copy of it in an annotation, which may have 256 KiB.
set -eu
folder=${1:?"name the folder of your keyword files: $0 config"}
tagger check "$folder" >&2
tagger test "$folder" >&2
set --
for file in "$folder"/*.yaml "$folder"/*.yml; do
  if [ -f "$file" ]; then set -- "$@" "--from-file=$file"; fi
done
exec kubectl create configmap keywords --namespace=livechat-tagger "$@" --dry-run=client --output=yaml
