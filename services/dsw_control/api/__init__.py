"""Control's REST API: thin routers over the use cases."""
