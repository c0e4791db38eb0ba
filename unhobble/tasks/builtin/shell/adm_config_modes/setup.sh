umask 022
mkdir -p etc/app/sites etc/cron.d "etc/old stuff/2019" spool
for file in etc/app/main.conf etc/app/.hidden.conf etc/app/sites/shop.conf "etc/old stuff/2019/proxy settings.conf" etc/app/tls.conf \
    etc/app/motd.txt etc/cron.d/backup etc/app/main.conf.bak etc/app/reload.sh spool/drop.conf etc/app/sites/-odd.conf; do
    echo "# $file" > "$file"
done
mkdir etc/app/extra.conf
echo "# part" > etc/app/extra.conf/10-part
ln -s ../../spool/drop.conf etc/app/drop.conf
chmod 666 etc/app/main.conf etc/app/motd.txt spool/drop.conf etc/app/sites/-odd.conf etc/app/extra.conf/10-part
chmod 662 etc/app/.hidden.conf
chmod 664 etc/app/sites/shop.conf etc/app/main.conf.bak etc/cron.d/backup
chmod 620 "etc/old stuff/2019/proxy settings.conf"
chmod 440 etc/app/tls.conf
chmod 775 etc/app/reload.sh etc/app/sites
chmod 777 etc/app/extra.conf spool
