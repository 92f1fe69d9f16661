"""The words behind the meanings: those of a locale, which companies may change, and those that are the same for all."""

import re

from msgspec import Struct, field


class ServiceReplies(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The words about one service, beside those for any."""

    out: tuple[str, ...] = ()  # "sin luz"
    on: tuple[str, ...] = ()  # "luz"


class ReplyWords(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The words of one locale that customers may answer with; the first of each is the one that messages name.

    They are read without case, accents and punctuation, and those of every locale are understood in every message.
    """

    out: tuple[str, ...]  # it is out here
    on: tuple[str, ...]  # it is back here
    pause: tuple[str, ...]  # nothing more about this incident
    status: tuple[str, ...]
    help: tuple[str, ...]
    start: tuple[str, ...]  # messages again
    stop: tuple[str, ...] = ("STOP",)  # no more messages; STOP itself is understood in any case
    language: tuple[str, ...] = ()  # names of this language, in whatever language: "español", "spanish"; and its code
    services: dict[str, ServiceReplies] = field(default_factory=dict)

    def on_word(self, service: str) -> str:
        """Return the word that a message about this service asks for when it is back."""
        own = self.services.get(service)
        return own.on[0] if own and own.on else self.on[0]

    def out_word(self, service: str) -> str:
        """Return the word that a message about this service asks for when it is out."""
        own = self.services.get(service)
        return own.out[0] if own and own.out else self.out[0]


def _set(text: str) -> frozenset[str]:
    return frozenset(each.strip() for each in text.split("|"))


POLITE = _set(
    "please|pls|plz|kindly|thanks|thx|ty|thank|you|ok|okay|hi|hello|hey|now|again|still|sir|dear|yes|just"
    "|por|favor|porfavor|porfa|gracias|hola|ya|ahora|si|aun|todavia|sigo|seguimos"
    "|svp|stp|merci|bonjour|bonsoir|oui|toujours|encore|maintenant"
)
"""Words that change nothing around one of ours."""

START_WORDS = _set(  # the first two are Twilio's, and the only ones of toll-free numbers
    "start|unstop|restart|resume|subscribe|resubscribe|opt in|optin|opt me in|opt me back in|sign me up|sign me back up"
    "|start again|start texts|start texting me|start texting me again|text me again|resume texts|resume messages"
    "|resume alerts|start alerts|start messages|turn texts back on|turn alerts back on"
    "|iniciar|inicio|empezar|comenzar|reanudar|alta|darme de alta|suscribir|suscribirme"
    "|commencer|demarrer|reprendre|reabonner|me reabonner|reabonnement|m abonner|abonner"
)
HELP_WORDS = _set("help|info|help me|more info|information|commands|menu|ayuda|ayudame|informacion|aide|aidez moi")
PAUSE_WORDS = _set(
    "pause|mute|snooze|silence|pause texts|pause messages|pause alerts|pause updates|mute this|pause this"
    "|pausa|pausar|silenciar|silencio"
)
YES_WORDS = _set("yes|y|yeah|yep|yup|ya|si|sip|claro|oui|ouais|affirmative|yes it is|yes sir|yes please")
NO_WORDS = _set("no|n|nope|nop|nah|non|no sir|not yet|no it is not|no its not|aun no|todavia no|pas encore")

COURTESY = re.compile(
    r"(?:ok|okay|k|kk|thanks|thank you|thx|ty|tysm|great|good|cool|nice|perfect|got it|understood|alright|sounds good"
    r"|much appreciated|appreciate it|so much|very much|a lot|for (?:the|your|letting me know|letting us know)|the|your"
    r"|updates?|info|help|you too|all|guys|team|everyone|and|god bless|bless you|awesome|wonderful|hard work|work"
    r"|gracias|muchas|mil|vale|bueno|perfecto|entendido|de acuerdo|muy amables?|por (?:avisar|la informacion|el aviso)"
    r"|merci|beaucoup|bien|d accord|parfait|super|compris|pour (?:l info|l information|votre message|la reponse)"
    r"|infiniment)(?: |$)"
)

ON_CALL = re.compile(r"\W*([a-z0-9]{3,8})[\s,:.\-]+(send|yes|wait|no)\W*", re.IGNORECASE)
"""A one-time code, which has a digit and a letter, and what is decided: of the company's own people."""

CHOICE = re.compile(
    r"(?:(?:number|no|nr|numero|option|site|casa|the|el|la|le) )*"
    r"(\d{1,2}|one|two|three|uno|dos|tres|une?|deux|trois)(?: (?:please|por favor|gracias|svp|thanks))*"
)
NUMBERS = {"one": 1, "two": 2, "three": 3, "uno": 1, "dos": 2, "tres": 3, "un": 1, "une": 1, "deux": 2, "trois": 3}

SWITCH = _set(
    "in|to|into|switch|change|set|send|language|languages|please|speak|speaks|do|can|could|you|i|we|want|prefer|only|me|my"
    "|text|texts|message|messages|sms|the|of|hi|hello|thanks|now|dont|understand|english"
    "|idioma|habla|hablan|hablas|prefiero|prefiere|quiero|quisiera|solo|solamente|mensaje|mensajes|mi|por|favor|en|cambiar"
    "|cambie|a|al|puede|pueden|hola|gracias|no|entiendo"
    "|langue|parlez|parle|vous|je|voudrais|seulement|svp|s|il|plait|merci"
)
"""Words around the name of a language that say nothing else."""

PREPOSITIONS = _set("at|in|on|for|en|a|au|aux|chez|de|the|la|el|le|site|no|number|nr")
"""Words between OUT and the name of a site."""
