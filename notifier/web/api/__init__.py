"""The endpoints under /v1, one module per group; each has its table `ROUTES`."""
