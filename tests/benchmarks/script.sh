#!/bin/bash
# The three phases as a person would script them, in the compositions of tfdriver. The argument is up, again or destroy.
# The files `trusting` and `trusted` list the compositions; broad/NAME.json has the trust policy of phase 1.
set -eu

each() { # LIST ARGUMENT...: runs Terraform in the compositions of the list, as many at a time as there are processors
  xargs -a "$1" -P "$(nproc)" -I{} terraform -chdir=compositions/{} "${@:2}"
}

case $1 in
  up)
    each trusting init -input=false
    each trusted init -input=false
    each trusting apply -input=false -auto-approve -var-file=../../broad/{}.json
    each trusted apply -input=false -auto-approve
    each trusting apply -input=false -auto-approve
    ;;
  again)
    each trusted apply -input=false -auto-approve
    each trusting apply -input=false -auto-approve
    ;;
  destroy)
    each trusted destroy -input=false -auto-approve
    each trusting destroy -input=false -auto-approve
    ;;
esac
