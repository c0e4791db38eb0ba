#!/bin/bash
# stash.sh FOLDER FILE...
# Copies the files into FOLDER, which is made if it is not there, and prints how many there were.
folder=$1
shift
mkdir -p $folder
count=0
for file in $*; do
    cp $file $folder
    count=$((count + 1))
done
echo "$count stashed"
