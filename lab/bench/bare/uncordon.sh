kubectl --kubeconfig /etc/kubernetes/admin.conf uncordon @NAME@
kubectl --kubeconfig /etc/kubernetes/admin.conf wait node/@NAME@ --timeout=120s >/dev/null \
    --for=jsonpath='{.status.allocatable.@RESOURCE@}'=@NUMBER@
