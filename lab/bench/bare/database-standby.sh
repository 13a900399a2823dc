pg_createcluster 17 main >/dev/null
@CONFIGURE@
rm -rf /var/lib/postgresql/17/main
runuser -u postgres -- pg_basebackup --checkpoint=fast --write-recovery-conf --pgdata=/var/lib/postgresql/17/main --dbname="host=@PRIMARY_NAME@ \
hostaddr=@PRIMARY_ADDRESS@ user=replication application_name=@NAME@ sslmode=verify-full sslrootcert=/etc/bench/ca.crt sslcert=/etc/bench/host.crt \
sslkey=/etc/bench/host.key"
systemctl start postgresql@17-main
