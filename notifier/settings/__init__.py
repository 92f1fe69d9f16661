"""Loading of configuration: YAML and environment in, typed settings out, or every mistake at once with its place.

    tree         YAML text -> nodes that know their place; nothing is guessed about types, nothing grows without bound
    environment  NOTIFIER__SECTION__KEY on top of the nodes
    conversion   nodes -> the structs of `notifier.config` and `notifier.domain.playbook`; the type of a key decides
                 how its text is read
    rules        what must hold between keys;  advice: what may be but is unwise
    load         all of it for the configuration file;  playbooks: the same for config/playbooks/*.yaml
    reference    docs/CONFIGURATION.md and config/notifier.yaml, made from the structs

Secrets never appear in a message.
"""

from notifier.settings.advice import warnings
from notifier.settings.load import find_file, load
from notifier.settings.playbooks import load_playbooks

__all__ = ["find_file", "load", "load_playbooks", "warnings"]
