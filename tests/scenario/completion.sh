#!/bin/sh
# The scripts of `penstock completion`, run by the shells that are there.
set -eu
penstock=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
ran=""

expect() {  # WHAT TEXT WORD: the text has a line or word
  case " $(printf '%s' "$2" | tr '\n\t' '  ') " in
    *" $3 "*) ;;
    *)
      echo "$1: \`$3\` is missing in: $2"
      exit 1
      ;;
  esac
}

"$penstock" completion bash >"$folder/bash"
"$penstock" completion zsh >"$folder/_penstock"
"$penstock" completion fish >"$folder/fish"
if "$penstock" completion tcsh 2>/dev/null; then
  echo "a shell that is not known was accepted"
  exit 1
fi

if command -v bash >/dev/null; then
  ask_bash() {  # WORD...: what completes the last one
    # shellcheck disable=SC2016
    bash -c '. "$1"; shift; COMP_WORDS=(penstock "$@"); COMP_CWORD=$#; _penstock; echo "${COMPREPLY[@]}"' \
      bash "$folder/bash" "$@"
  }
  expect bash "$(ask_bash sw)" sweep
  expect bash "$(ask_bash run --timel)" --timeline
  expect bash "$(ask_bash run w.yaml --set engine.max_num_s)" engine.max_num_seqs=
  expect bash "$(ask_bash completion f)" fish
  expect bash "$(ask_bash trace convert --skip)" --skip-bad-rows
  ran="$ran bash"
fi
if command -v fish >/dev/null; then
  ask_fish() {
    HOME=$folder fish -c "source $folder/fish; complete -C '$1'"
  }
  expect fish "$(ask_fish 'penstock sw')" sweep
  expect fish "$(ask_fish 'penstock run --timel')" --timeline
  expect fish "$(ask_fish 'penstock run --set engine.max_num_s')" engine.max_num_seqs=
  ran="$ran fish"
fi
if command -v zsh >/dev/null; then
  zsh -n "$folder/_penstock"
  # The functions that zsh completes with, replaced by ones that print what they are given.
  # shellcheck disable=SC2016
  said=$(zsh -fc 'compdef() { :; }; _describe() { print -l -- "${(@P)2%%:*}"; }
    _arguments() { print -l -- "$@"; }
    source "$1"; words=(penstock sw); CURRENT=2; _penstock
    words=(penstock run -); CURRENT=3; _penstock' zsh "$folder/_penstock")
  expect zsh "$said" sweep
  case $said in
    *--timeline=*) ;;
    *)
      echo "zsh: --timeline is missing"
      exit 1
      ;;
  esac
  ran="$ran zsh"
fi
if [ -z "$ran" ]; then
  echo "skipped: none of bash, zsh and fish is here"
  exit 77
fi
echo "ran in:$ran"
