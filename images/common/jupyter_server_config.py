"""The single-user server's defaults in this image."""

c = get_config()  # noqa: F821

c.ServerApp.root_dir = "/mnt/workspace"
c.ServerApp.terminals_enabled = True
# The console shows Lab in a frame on the same origin; nobody else may.
c.ServerApp.tornado_settings = {
    "headers": {"Content-Security-Policy": "frame-ancestors 'self'"},
}
# A share or a token that was revoked stops working after this many seconds.
c.HubAuth.cache_max_age = 10
c.HubOAuth.cache_max_age = 10
