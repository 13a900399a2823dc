@JOIN@ --node-name @NAME@ --cri-socket unix:///run/containerd/containerd.sock \
    --ignore-preflight-errors=SystemVerification,Swap </dev/null
