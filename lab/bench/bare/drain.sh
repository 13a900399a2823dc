kubectl --kubeconfig /etc/kubernetes/admin.conf drain @NAME@ --ignore-daemonsets --delete-emptydir-data --force \
    --timeout=300s
