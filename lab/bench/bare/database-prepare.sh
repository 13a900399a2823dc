mkdir -p /etc/bench
cat >/etc/bench/ca.crt <<'END'
@AUTHORITY@
END
cat >/etc/bench/host.crt <<'END'
@CERTIFICATE@
END
cat >/etc/bench/host.key <<'END'
@KEY@
END
apt-get update -qq
mkdir -p /etc/postgresql-common/createcluster.d
echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/bench.conf
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends etcd-server etcd-client postgresql-17 ssl-cert >/dev/null 2>&1
chgrp ssl-cert /etc/bench/host.key
chmod 640 /etc/bench/host.key
usermod -aG ssl-cert postgres
usermod -aG ssl-cert etcd
cat >/etc/default/etcd <<'END'
ETCD_NAME=@NAME@
ETCD_DATA_DIR=/var/lib/etcd/bench
ETCD_LISTEN_CLIENT_URLS=https://@ADDRESS@:2379
ETCD_ADVERTISE_CLIENT_URLS=https://@ADDRESS@:2379
ETCD_LISTEN_PEER_URLS=https://@ADDRESS@:2380
ETCD_INITIAL_ADVERTISE_PEER_URLS=https://@ADDRESS@:2380
ETCD_INITIAL_CLUSTER=@PEERS@
ETCD_CERT_FILE=/etc/bench/host.crt
ETCD_KEY_FILE=/etc/bench/host.key
ETCD_TRUSTED_CA_FILE=/etc/bench/ca.crt
ETCD_CLIENT_CERT_AUTH=true
ETCD_PEER_CERT_FILE=/etc/bench/host.crt
ETCD_PEER_KEY_FILE=/etc/bench/host.key
ETCD_PEER_TRUSTED_CA_FILE=/etc/bench/ca.crt
ETCD_PEER_CLIENT_CERT_AUTH=true
END
systemctl restart --no-block etcd
