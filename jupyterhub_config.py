"""The composition root of the hub: reads `dsw.toml`, the environment and the secrets, sets traits.

Run it as `DSW_CONFIG=dsw.toml jupyterhub --config jupyterhub_config.py`. Proxy and control are
processes of their own: restarting the hub, or losing it, ends no server and no session.
"""

import os
import sys

from dsw import secret_files, settings
from dsw.errors import ConfigError
from dsw.secret_files import SecretFiles
from dsw_spawners import accounts, hub_traits, origins

# The database holds password hashes, and is made with the mode that this leaves.
os.umask(0o077)

try:
    conf = settings.load()
    origins.check(conf)
    secrets = SecretFiles(conf.data)
    control_token = secrets.get(secret_files.CONTROL)
    spawner_token = secrets.get(secret_files.SPAWNER)
    proxy_token = secrets.get(secret_files.PROXY)
    admin_password = secrets.make_password(secret_files.ADMIN)
    secrets.get(secret_files.COOKIE)
except ConfigError as error:
    sys.exit(error.sentence)
except OSError as error:
    sys.exit(f"The secrets cannot be made in data_dir: {error}.")

c = get_config()  # type: ignore[name-defined]  # noqa: F821

# Where the hub is, and its proxy.
c.JupyterHub.bind_url = f"http://{conf.hub.host}:{conf.hub.port}{conf.hub.base_url}"
c.JupyterHub.hub_ip = conf.private_host
c.JupyterHub.hub_port = conf.hub.api_port
if conf.hub.public_url:
    c.JupyterHub.public_url = conf.hub.public_url
c.JupyterHub.proxy_class = "jupyterhub.proxy.ConfigurableHTTPProxy"
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{conf.hub.proxy_api_port}"
c.ConfigurableHTTPProxy.auth_token = proxy_token
c.JupyterHub.cleanup_servers = False
c.JupyterHub.cleanup_proxy = False
# A proxy that was started again has no routes: so soon the hub gives them back, in seconds.
c.JupyterHub.last_activity_interval = 10

# What it keeps.
c.JupyterHub.db_url = conf.hub_database
c.JupyterHub.cookie_secret_file = str(secrets.path(secret_files.COOKIE))

# Who people are.
c.JupyterHub.authenticator_class = accounts.LocalAuthenticator
c.Authenticator.admin_users = set(conf.hub.admins)
c.LocalAuthenticator.first_admin = conf.hub.admins[0] if conf.hub.admins else ""
c.LocalAuthenticator.first_admin_password = admin_password

c.JupyterHub.template_paths = [str(hub_traits.TEMPLATES)]
if "authenticator_class" not in conf.hub.traits.get("JupyterHub", {}):
    c.JupyterHub.template_paths.append(accounts.TEMPLATES)
    c.JupyterHub.template_vars = accounts.page_variables(conf.hub.base_url)

# What they may do, and the control service.
c.JupyterHub.custom_scopes = hub_traits.CUSTOM_SCOPES
c.JupyterHub.load_roles = hub_traits.ROLES
c.JupyterHub.services = [hub_traits.control_service(conf.control_url, control_token)]
c.JupyterHub.default_url = conf.service_prefix
c.JupyterHub.redirect_to_server = False

# How servers run.
c.JupyterHub.allow_named_servers = True
c.JupyterHub.named_server_limit_per_user = 0
c.JupyterHub.concurrent_spawn_limit = 64
c.JupyterHub.spawner_class = hub_traits.SPAWNERS[conf.engine.kind]
c.Spawner.server_token_scopes = hub_traits.SERVER_TOKEN_SCOPES
c.Spawner.environment = {"JUPYTERHUB_ACTIVITY_INTERVAL": "3600"}
c.Spawner.poll_interval = 5
c.Spawner.start_timeout = conf.engine.start_timeout
c.Spawner.http_timeout = conf.engine.answer_timeout
c.WorkspaceSpawnerMixin.control_url = conf.control_url
c.WorkspaceSpawnerMixin.control_token = spawner_token
c.WorkspaceSpawnerMixin.data_dir = conf.data_dir

# What the operator sets by its usual name has the last word, but for what keeps origins apart.
hub_traits.apply(c, conf.hub.traits)
origins.apply(c, conf.hub)
