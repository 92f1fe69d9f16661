"""What a text in plain words says about a service: that it is out, that it is back, or when it will be.

English, Spanish and French, as people type. When a text says both, trouble wins: "back" is evidence that something is
over, and wrong evidence is worse than none.
"""

# ruff: noqa: E501  # one pattern a line: they are tables

import re
from collections.abc import Sequence

from notifier.domain.denials import denies_an_outage, without_denials
from notifier.domain.reply_text import Sentence
from notifier.domain.service_words import A_SERVICE, ANY_SERVICE, SERVICE_WORDS

_EN_LITTLE = r"(?: (?:is|are|was|has|have|had|s|it|still|just|been|went|goes|gone|got|keeps?|being|now|again|completely|totally|all|so|very|really|here|came|comes|only|be|to|on and|suddenly|seems|ago|went back|back|also))*"
_TROUBLE = [
    re.compile(pattern)
    for pattern in (
        rf"\b(?:no more|no|without|lost|lose|losing|lack of|not any|zero|dont have|do not have|havent got|have not got|havent had|have no|got no|out of|cant get|need){_EN_LITTLE} {A_SERVICE}\b",
        (
            rf"\b(?:{ANY_SERVICE}){_EN_LITTLE} (?:out|down|off|gone|dead|stop|stops|stopped|stopping|quit|ended|ends|failed|failing|fails|cut|died|cancelled|canceled|dropped|dropping|drops|slow|slower|unstable|"
            r"spotty|intermittent|flicker\w*|dirty|brown|cloudy|low|bad|terrible|awful|broken|unusable|weak|crashed|disconnected|disconnecting)\b"
        ),
        rf"\b(?:{ANY_SERVICE}){_EN_LITTLE} (?:not|isnt|aint|doesnt|doesn|wont|hasnt|havent|arent|cant|never|wasnt|didnt)\b",
        r"\b(?:still|its|it is|were|we are|im|i am|went|goes|going|everything is|all|been) (?:still )?(?:out|down|dark|off|not working|dead)\b",
        r"\b(?:stop(?:s|ped)?|quit|cease[ds]?) working\b|\bnot (?:working|back|on|fixed|restored|coming back|up)\b|\b(?:isnt|aint|arent|wasnt) (?:working|back|on|fixed|restored|up|true|over)\b",
        r"\b(?:still|been|sigo|seguimos|toujours|encore) (?:waiting|nothing|esperando|rien|nada)\b|\b(?:doesnt|does not|wont|cant) (?:work|connect|turn on|come on)\b",
        r"\b(?:in the dark|blackouts?|black out|brownouts?|out again|off again|down again|on and off|off and on|went (?:out|down|off)|cut off|out since|down since|out for|down for|no bars|red light)\b",
        r"\b(?:sparks?|sparking|leak(?:s|ing)?|burst|flood(?:s|ed|ing)?|wires? (?:is |are )?(?:down|hanging)|lines? down|transformer|pole (?:is )?down|explosion|exploded|smell|low (?:\w+ )?pressure|(?:poca|baja) presion|presion baja)\b",
        r"\b(?:outages?|apagon(?:es)?|coupures?|pannes?|averias?|cortes?|corte)\b",
        rf"\b(?:no hay|sin|no tengo|no tenemos|se (?:me |nos )?(?:fue|va|corto|corta|cayo|cae|paro|apago|dano)|falta|perdi|perdimos|me quede sin|cortaron|quitaron|no llega|no sale|no (?:ha )?(?:vuelto|volvio|vuelve|regresa|regreso)|no quiero)(?: (?:ya|aun|todavia|mas))* {A_SERVICE}\b",
        rf"\b(?:{ANY_SERVICE})(?: (?:no|se|esta|sigue|anda|va|muy|aun|todavia|ya|me|nos|ha|sigue sin|vuelve a|s))* (?:funciona\w*|sirve|jala|fue|cort\w*|cay\w*|caid[oa]s?|lent[oa]|intermitente|vuelve|vuelto|volvio|llega|baja|mal|par[oa]|sali[or]|sucia|debil)\b",
        r"\bno (?:funciona|sirve|jala|ha vuelto|ha regresado|vuelve|volvio|anda|prende)\b|\b(?:a oscuras|sigo igual|seguimos igual|sigue igual|todavia no|aun no|va y viene|se fue)\b",
        rf"\b(?:pas|plus|sans|aucune?|manque|perdu)(?: (?:encore|toujours|eu))* (?:de |d |le |la |l |du )?(?:{ANY_SERVICE})\b",
        rf"\b(?:{ANY_SERVICE})(?: (?:est|n|ne|s|a|encore|toujours|tres|ete|sont|vient de))* (?:coupe\w*|en panne|mort\w*|lent\w*|instable|hs|parti\w*|saute|arrete\w*|tombe\w*|(?:marche|fonctionne|revient|revenu\w*) (?:pas|plus))\b",
        r"\b(?:ne )?(?:marche|fonctionne|remarche) (?:pas|plus|toujours pas)\b|\b(?:toujours|encore) (?:pas|rien|en panne|coupe\w*)\b|\b(?:pas|plus|jamais) (?:revenu\w*|retabli\w*)\b|\bplus rien\b|\bdans le noir\b|\ben panne\b",
    )
]
_RUNNING = r"(?:(?:the|my|our|hot|running) )*(?:power|electricity|electric|lights?|juice|internet|wi ?fi|water|gas|heat|service|signal)"
_TAIL = r"(?:back|again|now|on|here|too|all good|thanks|thank you|thx|ty|so much|very much|guys|finally|(?:at|in) (?:my|our|the) (?:house|home|place|apartment|building))"
_BACK = [
    re.compile(pattern)
    for pattern in (
        (
            rf"^(?:(?:yes|yep|yeah|ok|thanks|thank you|hi|good|great|now|finally|update|fyi|all|hooray|yay) )*(?:{A_SERVICE}s?|it|its|it is|everything|all|we|were|we are|i am|im|mine|ours)?"
            r"(?: (?:is|are|was|has|have|s|just|now|all|finally|came|come|been|it|went|power|be|got|lights))*(?:^| )(?:back on|back up|back online|back|on again|working again|working now|works again|works now|working|works|restored|fixed|"
            r"on now|up again|up and running|online again|is on|on)(?: (?:now|again|here|thanks|thank you|thx|ty|finally|too|already|for (?:me|us)|at (?:my|our) (?:house|home|place)|on|as of \w+(?: \w+)?|in my \w+|since \w+(?: \w+)?|a (?:few|couple) \w+ ago|all good|great job|good job|well done|so much|very much|guys|and|you))*$"
        ),
        rf"^(?:(?:yes|we|i|ok|we now|now) )*(?:have|got|has|see) (?:{A_SERVICE})(?: (?:back|again|now|on|here|thanks|thank you))+$",
        rf"^(?:(?:yes|yep|yeah|ok|hi|good|great|now|finally|we|i|weve|ive|we do|i do|just) )*(?:have|got) {_RUNNING}(?: {_TAIL})*$",
        rf"^(?:(?:yes|yep|yeah|ok|hi) )*{_RUNNING} (?:is|are) (?:all )?(?:good|fine|ok|okay)(?: {_TAIL})*$",
        r"^(?:all good|problem solved|all fixed|resolved)(?: (?:now|here|thanks|thank you|again))*$",
        rf"^(?:(?:si|ya|ahora|por fin|gracias|hola|bueno|ok|todo) )*(?:{A_SERVICE} )?(?:ya )?(?:se )?(?:volvio|regreso|llego|ha vuelto|vuelve|restablecid[oa]|restablecio|arreglado|funciona|esta funcionando|sirve|hay|tengo|tenemos|esta bien)(?: (?:ya|todo|otra vez|de nuevo|bien|aqui|gracias|ahora))*(?: {A_SERVICE})?(?: (?:ya|otra vez|de nuevo|aqui|en mi casa|en casa|muchas gracias|gracias|bien|ahora))*$",
        rf"^(?:(?:si|ya) )*(?:esta {A_SERVICE}|{A_SERVICE} (?:ya )?esta(?: de vuelta)?)(?: (?:ya|otra vez|de nuevo|aqui|gracias))*$",
        r"^(?:(?:ya|si|ahora) )*todo (?:bien|ok|arreglado|normal)(?: (?:ya|gracias|ahora|de nuevo))*$",
        rf"^(?:(?:oui|ca y est|ok|merci|bonjour|maintenant|enfin) )*(?:{A_SERVICE} |c |tout |ca )?(?:est |a ete |vient d etre )?(?:revenue?s?|de retour|la|retablie?s?|remarche|refonctionne|repare\w*|marche|fonctionne|bon|revient)(?: (?:a nouveau|de nouveau|maintenant|merci|ici|chez (?:moi|nous)|bien|tout|enfin))*$",
        rf"^(?:(?:oui|ok|maintenant|c est bon) )*(?:j ai|nous avons|on a|il y a|y a) (?:de nouveau |a nouveau |retrouve )?{A_SERVICE}(?: (?:de nouveau|a nouveau|maintenant|merci))*$",
    )
]
_NOT_BACK = re.compile(
    r"\b(?:not|isnt|aint|hasnt|havent|never|no|dont|doesnt|when|if|until|once|half|some|partly|but|except|hope|hopefully|please|should|will|be|get|turn|bring|put"
    r"|off|flicker\w*|on and off|promised|said|says|told|thought|wasnt|wont|cant|cuando|si vuelve|hasta|pero|sin|dijeron|mais|pas|plus|quand|jusqu|sauf|sans)\b"
)
_ASKS_WHETHER = re.compile(
    r"^(?:(?:hi|hello|hey|so|and|please|hola|bonjour|ok|can you tell me if|do you know if|any idea if) )*(?:is|are|was|did|does|do you know|has|have you|will|any(?:body|one)?"
    r"|hay|ya|esta|estan|saben|sabe|volvio|es|est ce|y a t il|avez vous|savez vous|c est|there)\b"
)
_WHEN = re.compile(
    r"\b(?:when|eta|how long|how much longer|how soon|what time|any (?:updates?|news|idea|word|info|estimate|progress)|whats (?:happening|going on|the status|up|new)|what is (?:happening|going on|the status)"
    r"|status|update me|whats the (?:eta|update)|cuando|cuanto (?:falta|tiempo|mas|tarda)|a que hora|para cuando|alguna (?:novedad|noticia)|novedades|que (?:pasa|paso|esta pasando|sucede)"
    r"|quand|combien de temps|quelle heure|des nouvelles|du nouveau|que se passe|qu est ce qui se passe|ca en est ou|ou en)\b"
)


def service_named(found: Sequence[Sentence], names: Sequence[str]) -> str:
    """Return which one of the company's services a text speaks of; "" when none or several."""
    text = _joined(found)
    spoken = [name for name in names if re.search(rf"\b(?:{SERVICE_WORDS.get(name, _own(name))})\b", text)]
    return spoken[0] if len(spoken) == 1 else ""


def is_trouble(found: Sequence[Sentence]) -> bool:
    """Tell whether a text reports that something is out or does not work, rather than asking whether it is."""
    return any(
        not ((each.asks and _ASKS_WHETHER.match(each.text)) or _WHEN.match(each.text))
        and _speaks_of_trouble(without_denials(each.text, asks=each.asks))
        for each in found
    )


def is_back(found: Sequence[Sentence]) -> bool:
    """Tell whether a text says that service is back, without a doubt and without a condition."""
    if any(each.asks or _NOT_BACK.search(_beside_denials(each)) for each in found) or is_trouble(found):
        return False
    return any(_says_back(each) or denies_an_outage(each) for each in found)


def asks_for_news(found: Sequence[Sentence]) -> bool:
    """Tell whether a text asks when it will be over, or whether something is known."""
    return any(
        (each.asks and (any(map(_ASKS_WHETHER.match, each.clauses)) or _WHEN.search(each.text) or _says_back(each)))
        or (len(each.words) <= 8 and _WHEN.match(each.text) is not None)
        for each in found
    )


def _beside_denials(each: Sentence) -> str:
    """Return what else a sentence says; the "no" before a denial belongs to it."""
    rest = without_denials(each.text)
    return each.text if rest == each.text else re.sub(r"^(?:no|non)\b", "", rest)


def _speaks_of_trouble(text: str) -> bool:
    return any(pattern.search(text) for pattern in _TROUBLE)


def _says_back(each: Sentence) -> bool:
    return any(pattern.match(clause) for clause in each.clauses for pattern in _BACK)


def _joined(found: Sequence[Sentence]) -> str:
    return " . ".join(each.text for each in found)


def _own(name: str) -> str:
    return re.escape(name.replace("-", " "))
