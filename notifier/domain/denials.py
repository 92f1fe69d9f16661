"""What a text says is not so: "we never lost power", "no outage here"; and words of trouble that are about a person.

Left out of a sentence before trouble is looked for in what remains: "never lost power but internet is down" is trouble.
A denial that is quoted ("your map says no outage here"), that is about others ("the neighbors never lost power") or
that holds up to now only ("never went out until today") is none.
"""

# ruff: noqa: E501  # one pattern a line: they are tables

import re

from notifier.domain.reply_text import Sentence
from notifier.domain.service_words import A_SERVICE, ANY_SERVICE

_NOT = (
    r"(?:never|didnt|did not|did never|hasnt|has not|has never|havent|have not|have never|hadnt|wasnt|was not|was never|were not|werent|were never"
    r"|isnt|is not|is never|aint|arent|are not|im not|not|no longer)(?: (?:even|ever|actually|really|once|yet|been|all|completely))*"
)
_HERE = r"(?= (?:here|at|on (?:my|our|this)|in (?:my|our|this)|today|tonight|so far|for (?:me|us)|to report)\b"
_AQUI = r"(?= (?:aqui|aca|por aqui|en (?:mi|nuestra|nuestro|casa|esta)|hoy)\b"
_ICI = r"(?= (?:ici|chez (?:moi|nous)|dans (?:mon|ma|notre)|aujourd)\b"
_DENIALS = (
    rf"(?:{A_SERVICE} |it |its |mine |ours |everything )?(?:(?:is|are|was|were|has|have|s) )?{_NOT}(?: (?:went|go|gone|goes|going|cut|turned|shut))?(?: (?:out|off|down|interrupted|disrupted|affected|dark|flicker(?:ed|ing)?))\b(?! (?:of|and|or|by) )",
    r"nothing(?: (?:is|was|went|has gone|here is))+ (?:out|off|down)(?= here|$| ,)",
    rf"(?:dont|do not|{_NOT}) (?:have|having|see|seeing|experience|experiencing) (?:an?|any)(?: (?:power|internet|water|service))? outages?",
    rf"{_NOT} affected by (?:the|this|that|your|any)(?: (?:power|internet|water|service))? (?:outages?|interruption)",
    r"(?:the|this|our)(?: (?:power|internet|water|service))? outage (?:is|has|was)(?: (?:now|all|been))* (?:over|resolved|fixed|ended)",
    rf"{_NOT} (?:lost|lose|losing|loose)(?: (?:any|a|the|my|our|all))* (?:{ANY_SERVICE})",
    rf"(?:{_NOT}|nobody(?: here)?(?: (?:is|was))?) without {A_SERVICE}",
    (
        r"(?:no|(?:isnt|is not|wasnt|was not|arent|havent|have not|never) (?:an?|any)|never (?:had|saw|noticed|experienced)(?: (?:an?|any))?"
        r"|(?:didnt|did not|havent|have not) (?:have|had|notice|noticed|see|seen|experience|experienced)(?: (?:an?|any))?)"
        rf"(?: (?:power|internet|water|electric\w*|service|gas|wifi))? (?:(?:outages?|interruptions?|blackouts?|cuts?){_HERE}|$| ,)|(?:problems?|issues?|trouble){_HERE}))"
    ),
    rf"(?:{A_SERVICE} )?(?:nunca|jamas|no|tampoco)(?: (?:me|nos|se|les))* (?:fue|ha ido|han ido|corto|ha cortado|cortaron|han cortado|apago|ha apagado|cayo|ha caido)(?: {A_SERVICE})?",
    rf"(?:nunca|jamas|no)(?: (?:hemos|he|ha|han))? (?:perdimos|perdi|perdido) {A_SERVICE}",
    rf"(?:nunca|no) (?:estoy|estamos|estuvimos|estuve|me quede|nos quedamos|hemos estado) sin {A_SERVICE}",
    rf"(?:{A_SERVICE} )?no esta (?:cortad[oa]|caid[oa])",
    rf"(?:no (?:hay|hubo|tengo|tenemos|tuvimos|ha habido|hemos tenido)|nunca (?:hubo|hay|tuvimos))(?: ningun[ao]?)? (?:(?:apagon(?:es)?|cortes?|averias?|fallas?)(?: de (?:{ANY_SERVICE}))?{_AQUI}|$| ,)|problemas?{_AQUI}))",
    r"(?:aqui|en mi casa) no (?:hay|tenemos|hubo) (?:ningun )?problemas?$",
    rf"(?:{A_SERVICE} )?(?:(?:n|ne) )?(?:(?:a|ai|est|etait|ont|sommes|suis) )?(?:jamais|pas)(?: (?:ete|vraiment))* (?:coupee?s?|interrompue?s?|partie?s?|sautee?|en panne|tombee?s?)",
    rf"(?:(?:n|ne) )?(?:avons|ai|a|avez|ont) (?:jamais|pas) (?:ete prive\w*|perdu|manque)(?: de| d)? {A_SERVICE}",
    rf"(?:pas|aucune?|jamais)(?: eu)?(?: (?:de|d))? (?:(?:pannes?|coupures?|interruptions?)(?: (?:de|d) (?:{ANY_SERVICE}))?{_ICI}|$| ,)|problemes?{_ICI}))",
    rf"(?:n )?y a plus (?:de|d) (?:pannes?|coupures?)(?: (?:de|d) (?:{ANY_SERVICE}))?(?! (?:svp|s il))",
)
_DENIAL = re.compile("|".join(rf"\b(?:{pattern})(?!\w)" for pattern in _DENIALS))
_ELSEWHERE = re.compile(
    r"\bout of (?:town|state|(?:the )?country|(?:the |my )?office|the (?:area|state|city|county)|cell range)\b"
    r"|\b(?:im|i am|we are|were|am|are|hes|shes|he is|she is|went|going|been|be) (?:(?:just|all|still|currently) )?out (?:shopping|to (?:dinner|lunch|eat|breakfast|the store)|for (?:dinner|lunch|breakfast|a (?:walk|run|ride|drive)|the (?:weekend|winter))"
    r"|on (?:vacation|holiday|business|the (?:lake|boat))|walking|running errands|fishing|hunting|camping|travell?ing|eating|at (?:work|dinner|lunch|the (?:store|lake|movies)))\b"
    r"|\b(?:im|i am|we are|were|hes|shes) (?:off (?:work|duty|school|to (?:bed|work|school))|down in (?:florida|texas|mexico|arizona))\b"
)
_TOLD = re.compile(
    r"\b(?:say|says|said|saying|shows?|showing|claims?|claimed|told|tells?|telling|thinks?|thought|map|website|app|robot|why|how|if|wish|hope|pretend"
    r"|dicen?|dijo|dijeron|mapa|pagina|por que|segun|ojala|dit|dites|disent|carte|pourquoi|selon|si)\b"
)
_OTHERS = re.compile(
    r"\b(?:neighbou?rs?|neighbou?rhood|next door|across the (?:street|road)|other side|they|everyone else|everybody else|others|vecin[oa]s?|enfrente|voisin\w*|en face|les autres)\b[^,]*$"
)
_UP_TO_NOW = re.compile(
    r"(?:[ ,]+\w+){0,3}?[ ,]+(?:until|till|before|like this|like that|this (?:long|often|much|many)|so (?:long|often|many|much)|as (?:much|often|long)|when|for (?:\d+|two|three|four|five|several|days|hours)|hasta|antes|asi|tanto|tantas|tan|jusqu|avant|aussi|autant|comme ca)\b"
    r"|.*\b(?:but|just|only|although|though|except|pero|mais)\b.*\b(?:slow|flicker\w*|low|weak|dim|dimmed|dimming|brown|spotty|intermittent|unstable|surg\w+|lent[oea]?|debil|bajan?|parpade\w*|faible|clignot\w*|instable)\b"
)
_LITTLE = re.compile(
    r"(?:(?:yes|yep|no|nope|hi|hello|hey|ok|actually|well|fyi|update|just|so|luckily|fortunately|we|i|it|its|us|me|our|my|the|this|here|there|theres|is|was|has|have|had|been|were|are|at|in|on|for|all|far"
    r"|house|home|place|address|apartment|street|area|neighborhood|side|today|tonight|yet|though|anyway|thanks|thank|you|sir|report|to|still|power|service"
    r"|si|ya|hola|gracias|aqui|aca|por|en|mi|casa|nuestra|calle|zona|hoy|la|el|muchas|se|nos|me|pues|suerte|todo|bien"
    r"|oui|non|bonjour|merci|ici|chez|moi|nous|je|j|on|n|ne|il|y|a|ai|avons|sommes|suis|dans|ma|mon|notre|rue|quartier|aujourd|hui|le|l|du|tout)(?: |$))*"
)


def without_denials(text: str, *, asks: bool = False) -> str:
    """Return a sentence without where a person is and, unless it asks, without what it denies."""

    def left(match: re.Match[str]) -> str:
        before, after = text[: match.start()], text[match.end() :]
        return match[0] if _TOLD.search(before) or _OTHERS.search(before) or _UP_TO_NOW.match(after) else " "

    text = _ELSEWHERE.sub(" ", text)
    return " ".join((text if asks else _DENIAL.sub(left, text)).split())


def denies_an_outage(each: Sentence) -> bool:
    """Tell whether a part of a sentence says that it never was out here, and nothing else."""
    for clause in each.clauses:
        rest = without_denials(clause)
        if rest != clause and _DENIAL.search(clause) and _LITTLE.fullmatch(rest):
            return True
    return False
