set -e
export GIT_AUTHOR_NAME="Ida Holm" GIT_AUTHOR_EMAIL=ida@example.org GIT_COMMITTER_NAME="Ida Holm" GIT_COMMITTER_EMAIL=ida@example.org
now=1709546400
tick() { now=$((now + 1740)); export GIT_AUTHOR_DATE="$now +0100" GIT_COMMITTER_DATE="$now +0100"; }
tick
git init -q -b main shop
cd shop
git config user.name "Ida Holm"
git config user.email ida@example.org
git config gc.auto 0
printf 'basic=9.00\nteam=29.00\n' > prices.conf
printf '# Shop\n' > README.md
git add . && git commit -q -m "Start of the shop"
tick; git checkout -q -b pricing
printf 'basic=9.00\nteam=29.00\nyear_discount=15\n' > prices.conf
tick; git commit -q -a -m "Add yearly discount"
printf 'basic=9.00\nteam=29.00\nyear_discount=20\n' > prices.conf
tick; git commit -q -a --amend -m "Add yearly discount"
tick; git checkout -q main
printf '# Shop\n\nSee prices.conf.\n' > README.md
tick; git commit -q -a -m "README: say where the prices are"
tick; git checkout -q pricing
printf 'basic=9.00\nteam=29.00\nyear_discount=20\nschool_discount=40\n' > prices.conf
tick; git commit -q -a -m "Add discount for schools"
printf 'basic=9.00\nteam=29.00\nyear_discount=20\nschool_discount=40\nstaff_discount=90\n' > prices.conf
tick; git commit -q -a -m "Add discount for staff"
tick; git reset -q --hard HEAD~1
printf 'basic=9.00\nteam=29.00\nyear_discount=20\nschool_discount=45\n' > prices.conf
tick; git commit -q -a --amend -m "Add discount for schools"
tick; git checkout -q main
tick; git checkout -q -b pricing-table
printf '<table></table>\n' > table.html
git add . && tick && git commit -q -m "Add discount table"
tick; git checkout -q main
tick; git branch -q -D pricing
printf '# Shop\n\nSee prices.conf and table.html.\n' > README.md
tick; git commit -q -a -m "README: mention the table"
printf 'basic=9.50\nteam=29.00\n' > prices.conf
printf 'ask Jon about VAT\n' > todo.txt
rm -f .git/index .git/COMMIT_EDITMSG .git/ORIG_HEAD
git read-tree HEAD
