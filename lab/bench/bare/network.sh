# flannel's own CNI plugin is not to be had here: bridge and host-local do its work, from what flannel writes down.
tries=0
until [ -s /run/flannel/subnet.env ]; do
    tries=$((tries + 1))
    [ $tries -lt 900 ] || { echo 'flannel wrote no subnet.env within 90 s'; exit 1; }
    sleep 0.1
done
. /run/flannel/subnet.env
mkdir -p /etc/cni/net.d
cat >/etc/cni/net.d/10-flannel.conflist.new <<END
{"cniVersion": "1.0.0", "name": "flannel", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isDefaultGateway": true, "hairpinMode": true, "mtu": $FLANNEL_MTU,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "${FLANNEL_SUBNET%.*}.0/24"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
END
mv /etc/cni/net.d/10-flannel.conflist.new /etc/cni/net.d/10-flannel.conflist
