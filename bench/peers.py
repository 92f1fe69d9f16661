"""Where the peers come from: npm packages in bench/.peers, Debian packages by apt when we are root.

Nothing is installed twice. Without the means to install, a benchmark stops and says what is missing.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parent / ".peers"
NPM_PACKAGES = {"fastify": "^5", "pg": "^8", "nodemailer": "^10"}


class MissingPeer(SystemExit):
    """A peer is not there and cannot be installed."""


def node_modules() -> Path:
    """Return bench/.peers with the npm packages of every peer installed in it."""
    require("node", ["nodejs"])
    require("npm", ["npm"])
    FOLDER.mkdir(exist_ok=True)
    manifest = FOLDER / "package.json"
    wanted = json.dumps({"private": True, "dependencies": NPM_PACKAGES}, indent=2)
    if not manifest.exists() or manifest.read_text() != wanted or not (FOLDER / "node_modules").is_dir():
        manifest.write_text(wanted)
        print("installing npm packages into bench/.peers ...", flush=True)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent"], cwd=FOLDER, check=True)
    return FOLDER


def require(command: str, packages: Sequence[str]) -> str:
    """Return the path of a command, installing its Debian packages when that is possible."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    if found := shutil.which(command, path=path):
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"installing {' '.join(packages)} ...", flush=True)
        environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], env=environ, check=True, stdout=subprocess.DEVNULL)
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
        subprocess.run(install, env=environ, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if found := shutil.which(command, path=path):
            return found
    raise MissingPeer(f"the benchmark needs '{command}': install the Debian package {' '.join(packages)}")
