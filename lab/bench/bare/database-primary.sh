pg_createcluster 17 main >/dev/null
@CONFIGURE@
pg_ctlcluster 17 main start
runuser -u postgres -- psql -q -c 'CREATE ROLE replication LOGIN REPLICATION'
