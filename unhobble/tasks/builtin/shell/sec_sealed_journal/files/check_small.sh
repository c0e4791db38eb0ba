# Compares what journal.py makes of the files in small/ with what must come out, and prints the share of the five commands that are right.
good=0
dump=$(timeout 10 python3 -B journal.py dump small/damaged.aj 2>/dev/null | jq -cS .)
[ -n "$dump" ] && [ "$dump" = "$(jq -cS . small/damaged.dump)" ] && good=$((good + 1))
timeout 10 python3 -B journal.py verify small/damaged.aj small/key 2>/dev/null | cmp -s - small/damaged.verify && good=$((good + 1))
out=$(mktemp)
timeout 10 python3 -B journal.py rebuild small/key "$out" small/damaged.aj small/second.aj small/third.aj >/dev/null 2>&1
cmp -s "$out" small/clean.aj && good=$((good + 1))
rm -f "$out"
timeout 10 python3 -B journal.py damage small/clean.aj small/damaged.aj 2>/dev/null | cmp -s - small/damaged.damage && good=$((good + 1))
timeout 10 python3 -B journal.py audit small/clean.aj 2>/dev/null | cmp -s - small/clean.audit && good=$((good + 1))
echo "scale=1; $good / 5" | bc
