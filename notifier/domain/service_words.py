"""What people call the services that can be out, in English, Spanish and French."""

# ruff: noqa: E501  # one pattern a line: they are tables

SERVICE_WORDS = {  # by the usual name of a service in the configuration
    "power": r"power|electricity|electric|electrical|lights?|juice|mains|luz|luces|electricidad|corriente|energia|courant|electricite|lumiere|jus",
    "internet": r"internet|inter|wi ?fi|net|network|broadband|web|modem|router|fiber|fibre|dsl|red|conexion|box|reseau|connexion",
    "water": r"water|taps?|agua|eau|robinets?",
    "gas": r"gas|gaz",
    "tv": r"tv|tele|television|cable",
    "phone": r"landline|dial tone|telephone",
}
ANY_SERVICE = "|".join(SERVICE_WORDS.values()) + (
    r"|service|signal|pressure|heat|heating|hot water|line|phone|connection|servicio|senal|presion|telefono|linea|service|ligne|pression|chauffage"
)
THE = r"(?:the|my|our|your|any|all|a|no|hot|running|home|la|el|los|las|mi|nuestra|nuestro|su|le|les|l|mon|ma|notre|de|d|du|votre|agua)"
A_SERVICE = rf"(?:(?:{THE} )*(?:{ANY_SERVICE}))"
