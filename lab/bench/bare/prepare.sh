# Everything before kubeadm, by hand.
download() { curl --silent --show-error --fail --location --noproxy '*' "$@"; }
mkdir -p /opt/cni/bin /etc/containerd/certs.d
for address in @BINARIES@; do
    download --output "/usr/local/bin/${address##*/}" "$address" &
    downloads+=($!)
done
download "@PLUGINS@" | tar --extract --gzip --directory /opt/cni/bin &
downloads+=($!)

cat >/etc/containerd/config.toml <<'END'
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "@PAUSE@"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
END
@REGISTRIES@
cat >/etc/systemd/system/kubelet.service <<'END'
[Unit]
Wants=network-online.target
After=network-online.target containerd.service
[Service]
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=/usr/local/bin/kubelet --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \
  --kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml $KUBELET_KUBEADM_ARGS
Restart=always
RestartSec=2
[Install]
WantedBy=multi-user.target
END
echo 'net.ipv4.ip_forward = 1' >/etc/sysctl.d/90-kubernetes.conf
sysctl --quiet --load=/etc/sysctl.d/90-kubernetes.conf
systemctl daemon-reload
systemctl --quiet enable containerd.service kubelet.service
systemctl restart containerd.service
for download in "${downloads[@]}"; do wait "$download"; done
chmod 0755 /usr/local/bin/kube*
