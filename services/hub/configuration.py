"""What the settings of a site mean for JupyterHub."""

from __future__ import annotations

from typing import Any

from kube_api import Client, in_cluster

from hub.authenticator import SiteAuthenticator, username
from hub.cluster import Cluster
from hub.identity import Identity
from hub.limits import Limits
from hub.settings import Settings, secret
from hub.spawner import SessionSpawner
from hub.upkeep import REFRESH_S

API_PORT = 8081


def configure(c: Any, settings: Settings) -> None:
    """Set all that JupyterHub, its proxy, its authenticator and its spawner have to know."""
    identity = Identity(settings.identity)
    _hub(c, settings)
    _login(c, settings)
    _sessions(c)
    c.JupyterHub.authenticator_class = SiteAuthenticator
    c.JupyterHub.spawner_class = SessionSpawner
    SiteAuthenticator.site = SessionSpawner.site = settings
    SiteAuthenticator.identity = SessionSpawner.identity = identity
    SessionSpawner.limits = Limits(settings.group_gpus)
    SessionSpawner.cluster = Cluster(Client(in_cluster()))
    SessionSpawner.cluster.start()


def _hub(c: Any, settings: Settings) -> None:
    c.JupyterHub.db_url = settings.database
    c.JupyterHub.db_kwargs = {"pool_pre_ping": True}
    c.JupyterHub.cookie_secret = bytes.fromhex(secret(settings, "cookie-secret"))
    c.JupyterHub.hub_bind_url = f"http://:{API_PORT}"
    c.JupyterHub.hub_connect_url = f"http://hub.hub.svc:{API_PORT}"
    c.JupyterHub.public_url = settings.url
    c.JupyterHub.cleanup_servers = False
    c.JupyterHub.proxy_class = "jupyterhub.proxy.ConfigurableHTTPProxy"
    c.ConfigurableHTTPProxy.should_start = False
    c.ConfigurableHTTPProxy.api_url = settings.proxy_api
    c.ConfigurableHTTPProxy.auth_token = secret(settings, "proxy-token")
    c.CryptKeeper.keys = [bytes.fromhex(secret(settings, "crypt-key"))]


def _login(c: Any, settings: Settings) -> None:
    provider = settings.provider
    c.SiteAuthenticator.login_service = settings.site
    c.SiteAuthenticator.client_id = provider.client_id
    c.SiteAuthenticator.client_secret = secret(settings, "client-secret")
    c.SiteAuthenticator.basic_auth = True  # as the hub says of itself when it is registered
    c.SiteAuthenticator.authorize_url = provider.authorize_url
    c.SiteAuthenticator.token_url = provider.token_url
    c.SiteAuthenticator.userdata_url = provider.userinfo_url
    c.SiteAuthenticator.oauth_callback_url = f"{settings.url}/hub/oauth_callback"
    c.SiteAuthenticator.scope = list(provider.scope)
    c.SiteAuthenticator.username_claim = username
    c.SiteAuthenticator.any_allow_config = True  # check_allowed judges
    c.SiteAuthenticator.enable_auth_state = True
    c.SiteAuthenticator.refresh_pre_spawn = True
    c.SiteAuthenticator.auth_refresh_age = int(REFRESH_S)
    c.SiteAuthenticator.allow_existing_users = False
    c.SiteAuthenticator.custom_403_message = "Your account may not use this hub."


def _sessions(c: Any) -> None:
    c.SessionSpawner.enable_user_namespaces = True
    c.SessionSpawner.user_namespace_template = "{unescaped_username}"
    c.SessionSpawner.pod_name_template = "session"
    c.SessionSpawner.component_label = "session"
    c.SessionSpawner.storage_pvc_ensure = False
    c.SessionSpawner.automount_service_account_token = False
    c.SessionSpawner.allow_privilege_escalation = False
    c.SessionSpawner.container_security_context = {
        "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "privileged": False,
    }  # fmt: skip
    c.SessionSpawner.pod_security_context = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    c.SessionSpawner.cmd = ["jupyterhub-singleuser"]
    c.SessionSpawner.notebook_dir = "/home"
    c.SessionSpawner.default_url = "/lab/tree/private"
    c.SessionSpawner.start_timeout = 300
    c.SessionSpawner.http_timeout = 60
    c.SessionSpawner.delete_grace_period = 5
    c.SessionSpawner.image_pull_policy = "IfNotPresent"
    c.SessionSpawner.extra_pod_config = {"enableServiceLinks": False, "restartPolicy": "Never"}
    c.SessionSpawner.common_labels = {"app.kubernetes.io/name": "session"}
