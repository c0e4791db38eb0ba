# Prints the share of the requests in requests.txt that route.py answers as in requests.expected.
timeout 20 python3 -B route.py site requests.txt 2>/dev/null | paste -d '|' - requests.expected | awk -F'|' '$1 == $2 { good++ } END { print NR ? good / NR : 0 }'
