#!/bin/bash
# Imports photos from a memory card into the archive. Usage: see README.

set -e

move=no
while getopts mh option; do
    case $option in
        m) move=yes ;;
        *) usage ;;
    esac
done
shift $((OPTIND - 1))

source=$1
archive=$2
imported=0
duplicates=0
failed=0

usage() {
    echo "usage: import.sh [-m] SOURCE ARCHIVE"
    exit 2
}

# Prints the folder for the photo of that name.
folder_for() {
    local name=$1
    if [[ $name =~ ([0-9]{8}) ]]; then
        local date=${BASH_REMATCH[1]}
        local year=${date:0:4} month=${date:4:2} day=${date:6:2}
        if ((month >= 1 && month <= 12 && day >= 1 && day <= 31)); then
            echo $year/$month
        fi
    else
        echo undated
    fi
}

import() {
    local photo=$1
    local name=$(basename $photo)
    local stem=${name%%.*} extension=${name##*.}
    local folder=$archive/$(folder_for $name)
    mkdir -p $folder
    local target=$folder/$stem.$extension
    local n=1
    while [ -e $target ]; do
        if cmp $photo $target; then
            ((duplicates++))
            return
        fi
        target=$folder/$stem-$n.$extension
        ((n++))
    done
    cp $photo $target
    ((imported++))
    if [ $move = yes ]; then
        rm $photo
    fi
}

find $source -name "*.jpg" -o -name "*.png" | sort | while read photo; do
    import $photo
done

echo "imported $imported, duplicates $duplicates, failed $failed"
