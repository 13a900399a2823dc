"""What rotation groups are about: prefixes of the files that decide what their tests see."""

HOST = (
    "roles/artifact",
    "roles/host_",
    "roles/site_ca",
    "plugins/modules/host_setup",
    "plugins/module_utils/artifacts",
    "plugins/module_utils/overlay",
    "plugins/lookup",
)

OVERLAY = (
    *HOST,
    "roles/containerd",
    "roles/etcd",
    "roles/flannel",
    "roles/kube",
    "roles/metrics_server",
    "roles/network_policy_agent",
    "services/kube",
    "services/network_policy_agent",
    "plugins/modules/etcd",
    "plugins/modules/kube",
    "playbooks/overlay.yml",
    "playbooks/layers/40-overlay",
)

GPU = (
    "roles/gpu",
    "roles/kubernetes_gpu",
    "roles/nvidia",
    "plugins/modules/gpu",
    "plugins/modules/kubernetes_gpus",
    "plugins/modules/nvidia",
    "plugins/module_utils/gpu",
    "plugins/filter/gpu",
    "playbooks/gpu.yml",
    "playbooks/mig.yml",
    "playbooks/layers/50-gpu",
    "lab/gpu",
    "tests/platform/gpus.py",
)

DATABASE = (
    "roles/etcd",
    "roles/pgbackrest",
    "roles/postgresql",
    "services/postgresql",
    "plugins/modules/etcd_member",
    "plugins/modules/pgbackrest",
    "plugins/modules/postgresql",
    "plugins/module_utils/postgresql",
    "plugins/filter/postgresql",
    "playbooks/database.yml",
    "playbooks/layers/60-database",
)

STORAGE = (
    "roles/ceph",
    "roles/shared_filesystem",
    "services/cephfs_snapshots",
    "services/shared_filesystem",
    "playbooks/storage.yml",
    "playbooks/s3.yml",
    "playbooks/layers/55-storage",
    "playbooks/layers/57-s3",
    "plugins/modules/ceph",
    "plugins/module_utils/ceph",
    "plugins/filter/ceph",
)

TENANTS = (
    "roles/tenants",
    "services/kube_api",
    "services/shared_filesystem_pods",
    "services/tenants",
    "plugins/filter/tenants",
    "plugins/module_utils/tenants",
    "playbooks/tenants.yml",
    "playbooks/tasks/give_namespaces.yml",
    "playbooks/layers/70-tenants",
)

IDENTITY = (
    "roles/identity",
    "services/identity",
    "plugins/filter/identity",
    "plugins/module_utils/identity",
    "playbooks/identity.yml",
    "playbooks/layers/65-identity",
)

HUB = (
    "images/",
    "roles/entrance",
    "roles/hub",
    "services/hub",
    "plugins/modules/openid",
    "plugins/module_utils/openid",
    "playbooks/hub.yml",
    "playbooks/tasks/have_hub.yml",
    "playbooks/layers/75-hub",
    "lab/iam",
    "lab/sessions",
)
