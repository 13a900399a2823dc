pg_createcluster 17 main >/dev/null
@CONFIGURE@
systemctl start postgresql@17-main
runuser -u postgres -- psql -q -c 'CREATE ROLE replication LOGIN REPLICATION'
