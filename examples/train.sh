#!/bin/sh
# A training as a shell script. Whatever it prints, its last line of JSON is the outcome.
set -eu
echo "training $1"
convolutions=$(printf '%s' "$1" | grep -o nor_conv_3x3 | wc -l) # counting them stands for a training
echo "{\"validation\": $((60 + 5 * convolutions)), \"convolutions\": $((convolutions))}"
