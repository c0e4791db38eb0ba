# Prints the share of company.policy's queries that reach.py answers as in company.expected.
timeout 20 python3 -B reach.py company.policy 2>/dev/null | paste -d '|' - company.expected | awk -F'|' '$1 == $2 { good++ } END { print NR ? good / NR : 0 }'
