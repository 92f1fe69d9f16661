"""HTTP: the API under /v1, health, and signed links. Parses, asks a stage, encodes; decides nothing itself."""
