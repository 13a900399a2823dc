cat >/etc/postgresql/17/main/conf.d/bench.conf <<'END'
listen_addresses = '*'
ssl = on
ssl_cert_file = '/etc/bench/host.crt'
ssl_key_file = '/etc/bench/host.key'
ssl_ca_file = '/etc/bench/ca.crt'
ssl_min_protocol_version = 'TLSv1.3'
wal_log_hints = on
wal_keep_size = 160MB
END
cat >/etc/postgresql/17/main/pg_hba.conf <<'END'
local all postgres peer
hostssl replication replication @NETWORK@ cert map=members
hostssl all all @NETWORK@ scram-sha-256
hostnossl all plain @NETWORK@ scram-sha-256
END
echo '@MEMBERS@' | tr ' ' '\n' | sed 's/$/ replication/; s/^/members /' >/etc/postgresql/17/main/pg_ident.conf
